import sys
sys.exot
