# -*- coding: latin-1 -*-
x = "ä"
raise ValueError(x)
