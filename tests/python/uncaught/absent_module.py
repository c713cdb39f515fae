def f():
    import ssl


f()
