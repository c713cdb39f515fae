def r(n): raise ValueError(n)
es = []
for i in range(2):
    try: r(i)
    except ValueError as e: e.add_note("note %d" % i); es.append(e)
raise ExceptionGroup("many", [*es, ExceptionGroup("inner", [TypeError("t")])])
