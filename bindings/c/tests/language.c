/* The C API with a language: `language IMAGE FOLDER MILLISECONDS`, an image of
 * Python in a file, the folder of this file, and a deadline that is long enough to
 * open a session in. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* add(a, b), by what a and b are in a JSON object of this very form. */
static void add(void *user, const char *arguments, dormouse_answer *answer) {
    int a, b;
    char json[32];
    *(int *)user += 1;
    if (sscanf(arguments, "{\"a\":%d,\"b\":%d}", &a, &b) != 2) {
        CHECK(dormouse_answer_error(answer, DORMOUSE_ANSWER_KIND_INVALID, "two numbers", NULL));
        return;
    }
    snprintf(json, sizeof json, "%d", a + b);
    CHECK(dormouse_answer_json(answer, json, NULL));
}

/* Answers what no answer can be. */
static void wrong(void *user, const char *arguments, dormouse_answer *answer) {
    dormouse_error *error = GARBAGE;
    (void)user;
    (void)arguments;
    CHECK(!dormouse_answer_json(answer, "{", &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "not JSON");
    CHECK(!dormouse_answer_error(answer, 99, "x", &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "dormouse_answer_kind 99");
}

/* Answers nothing. */
static void nothing(void *user, const char *arguments, dormouse_answer *answer) {
    (void)user;
    (void)arguments;
    (void)answer;
}

static void released(void *user) { *(int *)user += 100; }

static void programs(const dormouse_image *python, const char *folder) {
    dormouse_config *config = dormouse_config_new();
    dormouse_program *program = code("import sys; print(sys.argv[1:]); sys.exit(3)");
    dormouse_outcome *outcome;
    CHECK(dormouse_program_arg(program, "a", NULL) && dormouse_program_arg(program, "b c", NULL));
    outcome = run(python, NULL, program);
    CHECK(is_stdout(outcome, "['a', 'b c']\n"));
    CHECK(dormouse_outcome_exit_code(outcome) == 3);
    dormouse_outcome_free(outcome);

    CHECK(dormouse_config_mount(config, "/in", folder, DORMOUSE_MODE_READ, NULL));
    CHECK(dormouse_config_env(config, "NAME", "value", NULL));
    CHECK(dormouse_config_kv(config, NULL, NULL));
    outcome = run(python, config, code("import os\n"
                                       "print(os.environ['NAME'], 'check.h' in os.listdir('/in'))\n"
                                       "kv.set('a', 1); print(kv.get('a'))\n"
                                       "try: open('/in/x', 'w')\n"
                                       "except OSError as error: print(type(error).__name__)\n"));
    CHECK(is_stdout(outcome, "value True\n1\nOSError\n"));
    dormouse_outcome_free(outcome);

    {
        const char text[] = "import nothing_of_this_name";
        program = dormouse_program_script("app.py", text, strlen(text), NULL);
    }
    outcome = run(python, NULL, program);
    CHECK(dormouse_outcome_exit_code(outcome) == 1);
    CHECK(strstr(dormouse_outcome_stderr(outcome).data, "File \"app.py\", line 1") != NULL);
    dormouse_outcome_free(outcome);
    dormouse_config_free(config);
}

static void functions(const dormouse_image *python) {
    int calls = 0;
    dormouse_config *config = dormouse_config_new();
    dormouse_outcome *outcome;
    CHECK(dormouse_config_function(config, "add", add, &calls, released, NULL));
    CHECK(dormouse_config_function(config, "wrong", wrong, NULL, NULL, NULL));
    CHECK(dormouse_config_function(config, "nothing", nothing, NULL, NULL, NULL));
    outcome = run(python, config, code("print(call('add', a=5, b=7), call('nothing'))\n"
                                       "for name in ('add', 'wrong', 'unknown'):\n"
                                       "    try: call(name)\n"
                                       "    except Exception as e: print(type(e).__name__, e)\n"));
    CHECK(strstr(dormouse_outcome_stdout(outcome).data, "12 None\n") != NULL);
    CHECK(strstr(dormouse_outcome_stdout(outcome).data, "two numbers\n") != NULL);
    CHECK(strstr(dormouse_outcome_stdout(outcome).data, "no dormouse_answer_kind 99\n") != NULL);
    CHECK(strstr(dormouse_outcome_stdout(outcome).data, "unknown function: unknown\n") != NULL);
    dormouse_outcome_free(outcome);
    CHECK(calls == 2);
    dormouse_config_free(config);
    CHECK(calls == 102);
}

static dormouse_outcome *piece(dormouse_session *session, const char *text) {
    dormouse_error *error = GARBAGE;
    dormouse_outcome *outcome = dormouse_session_run(session, text, strlen(text), &error);
    FINE(error);
    return outcome;
}

/* Interrupts the session until it is done: it may not have begun before. */
struct running {
    dormouse_session *session;
    atomic_bool done;
};

static void *interrupt(void *user) {
    struct running *running = user;
    struct timespec moment = {0, 100000000};
    do {
        nanosleep(&moment, NULL);
        dormouse_session_interrupt(running->session);
    } while (!atomic_load(&running->done));
    return NULL;
}

static void sessions(const dormouse_image *python) {
    dormouse_error *error = GARBAGE;
    dormouse_session *session = dormouse_session_open(python, NULL, &error), *copy;
    dormouse_outcome *outcome;
    pthread_t thread;
    struct running running;
    bool complete = false;
    FINE(error);
    CHECK(session != NULL && dormouse_session_is_open(session));
    dormouse_outcome_free(piece(session, "x = 6"));
    outcome = piece(session, "print(x * 7)");
    CHECK(is_stdout(outcome, "42\n"));
    dormouse_outcome_free(outcome);
    outcome = dormouse_session_repl(session, "x", 1, &error);
    CHECK(is_stdout(outcome, "6\n"));
    dormouse_outcome_free(outcome);
    outcome = piece(session, "1 / 0");
    CHECK(dormouse_outcome_exit_code(outcome) == 1);
    CHECK(strcmp(dormouse_outcome_message(outcome), "ZeroDivisionError: division by zero") == 0);
    dormouse_outcome_free(outcome);
    CHECK(dormouse_session_is_complete(session, "def f():", 8, &complete, NULL) && !complete);
    CHECK(dormouse_session_is_complete(session, "f()", 3, &complete, NULL) && complete);
    CHECK(!dormouse_session_is_complete(session, "f()", 3, NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "whether it is complete is NULL");
    CHECK(dormouse_session_run(session, "\xff", 1, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "not UTF-8 at byte 0");

    copy = dormouse_session_fork(session, &error);
    FINE(error);
    dormouse_outcome_free(piece(copy, "x = 8"));
    outcome = piece(session, "print(x)");
    CHECK(is_stdout(outcome, "6\n"));
    dormouse_outcome_free(outcome);
    dormouse_session_free(copy);

    running.session = session;
    atomic_init(&running.done, false);
    CHECK(pthread_create(&thread, NULL, interrupt, &running) == 0);
    outcome = piece(session, "while True: pass");
    atomic_store(&running.done, true);
    CHECK(strcmp(dormouse_outcome_message(outcome), "KeyboardInterrupt") == 0);
    dormouse_outcome_free(outcome);
    CHECK(pthread_join(thread, NULL) == 0);
    outcome = piece(session, "print(x)");
    CHECK(is_stdout(outcome, "6\n"));
    dormouse_outcome_free(outcome);

    dormouse_session_close(session);
    dormouse_session_close(session);
    CHECK(!dormouse_session_is_open(session));
    CHECK(dormouse_session_run(session, "1", 1, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_CLOSED, "closed");
    CHECK(dormouse_session_fork(session, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_CLOSED, "closed");
    dormouse_session_free(session);
}

/* What a deadline leaves of a session. */
static void over(const dormouse_image *python, uint64_t milliseconds) {
    dormouse_error *error = GARBAGE;
    dormouse_config *config = dormouse_config_new();
    dormouse_session *session;
    dormouse_outcome *outcome;
    CHECK(dormouse_config_timeout(config, milliseconds, NULL));
    session = dormouse_session_open(python, config, &error);
    FINE(error);
    dormouse_config_free(config);
    outcome = piece(session, "while True: pass");
    CHECK(dormouse_outcome_limit(outcome) == DORMOUSE_LIMIT_DEADLINE);
    dormouse_outcome_free(outcome);
    CHECK(!dormouse_session_is_open(session));
    CHECK(dormouse_session_run(session, "1", 1, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_CLOSED, "deadline");
    dormouse_session_free(session);
}

int main(int argc, char **argv) {
    dormouse_error *error = GARBAGE;
    dormouse_image *python, *read;
    CHECK(argc == 4);
    python = dormouse_image_map(argv[1], &error);
    FINE(error);
    programs(python, argv[2]);
    functions(python);
    sessions(python);
    over(python, strtoull(argv[3], NULL, 10));
    read = dormouse_image_open(argv[1], &error);
    FINE(error);
    dormouse_outcome_free(run(read, NULL, code("print(1)")));
    dormouse_image_free(read);
    dormouse_image_free(python);
    puts("language: ok");
    return 0;
}
