class C:
    def meth(self, val):
        return (val +
                undefined_name)
C().meth(1)
