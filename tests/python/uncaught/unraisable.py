import warnings


class Quiet(type):
    def __repr__(cls):
        return "<class>"


class A(metaclass=Quiet):
    class Finalizer:
        def __call__(self):
            1 / 0

        def __repr__(self):
            return "<finalizer>"

    __del__ = Finalizer()


a = A()
del a
warnings.warn("careful")
raise OverflowError
