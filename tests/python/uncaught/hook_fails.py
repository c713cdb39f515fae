import sys
def h(*a): raise TypeError("hook")
sys.excepthook = h
1/0
