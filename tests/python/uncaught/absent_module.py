def f():
    import pwd


f()
