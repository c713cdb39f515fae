/* The C API without a language: programs, configurations, limits, refusals.
 * `api FOLDER`: one to write to. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <time.h>

/* Echoes stdin to stdout, and writes its environment's size to stderr. */
static const char ECHO_WAT[] =
    "(module"
    "  (import \"wasi_snapshot_preview1\" \"fd_read\""
    "    (func $read (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_write\""
    "    (func $write (param i32 i32 i32 i32) (result i32)))"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (memory (export \"memory\") 1)"
    "  (func (export \"_start\")"
    "    (i32.store (i32.const 0) (i32.const 16))"
    "    (i32.store (i32.const 4) (i32.const 1000))"
    "    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))"
    "    (i32.store (i32.const 4) (i32.load (i32.const 8)))"
    "    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"
    "    (i32.store (i32.const 4) (i32.const 1))"
    "    (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))"
    "    (call $exit (i32.const 7))))";

static const char LOOP_WAT[] = "(module (func (export \"_start\") (loop (br 0))))";

static const char TRAP_WAT[] = "(module (func (export \"_start\") unreachable))";

static const char GROW_WAT[] =
    "(module (memory 1) (func (export \"_start\")"
    "  (if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))))";

/* Exits with 1, or with 7 once it is prepared. */
static const char PREPARED_WAT[] =
    "(module"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (global $code (mut i32) (i32.const 1))"
    "  (func (export \"prepare\") (global.set $code (i32.const 7)))"
    "  (func (export \"_start\") (call $exit (global.get $code))))";

static dormouse_program *start(void) { return dormouse_program_start("test", NULL); }

static void version(void) {
    CHECK(strchr(dormouse_version(), '.') != NULL);
}

static void streams(void) {
    dormouse_image *image = wat(ECHO_WAT);
    dormouse_config *config = dormouse_config_new();
    dormouse_error *error = GARBAGE;
    dormouse_outcome *outcome;
    CHECK(dormouse_config_stdin(config, "a\0b", 3, &error));
    CHECK(error == NULL);
    outcome = run(image, config, start());
    CHECK(dormouse_outcome_status(outcome) == DORMOUSE_STATUS_EXIT);
    CHECK(dormouse_outcome_exit_code(outcome) == 7);
    CHECK(dormouse_outcome_limit(outcome) == DORMOUSE_LIMIT_NONE);
    CHECK(dormouse_outcome_message(outcome) == NULL);
    CHECK(dormouse_outcome_stdout(outcome).length == 3);
    CHECK(memcmp(dormouse_outcome_stdout(outcome).data, "a\0b", 4) == 0);
    CHECK(strcmp(dormouse_outcome_stderr(outcome).data, "a") == 0);
    CHECK(!dormouse_outcome_truncated(outcome));
    CHECK(!dormouse_outcome_fuel_used(outcome, NULL));
    dormouse_outcome_free(outcome);

    /* The same configuration serves again; what it is without stays. */
    CHECK(dormouse_config_output(config, DORMOUSE_STREAM_STDOUT, DORMOUSE_TO_NOTHING, NULL));
    CHECK(dormouse_config_fuel(config, 1000000, NULL));
    outcome = run(image, config, start());
    CHECK(dormouse_outcome_stdout(outcome).length == 0);
    CHECK(*dormouse_outcome_stdout(outcome).data == 0);
    {
        uint64_t fuel = 0;
        CHECK(dormouse_outcome_fuel_used(outcome, &fuel));
        CHECK(fuel > 0 && fuel < 1000000);
    }
    dormouse_outcome_free(outcome);

    CHECK(dormouse_config_max_output(config, 1, NULL));
    CHECK(dormouse_config_output(config, DORMOUSE_STREAM_STDOUT, DORMOUSE_TO_OUTCOME, NULL));
    outcome = run(image, config, start());
    CHECK(dormouse_outcome_status(outcome) == DORMOUSE_STATUS_LIMIT);
    CHECK(dormouse_outcome_limit(outcome) == DORMOUSE_LIMIT_OUTPUT);
    CHECK(dormouse_outcome_exit_code(outcome) == -1);
    CHECK(dormouse_outcome_truncated(outcome));
    dormouse_outcome_free(outcome);

    CHECK(!dormouse_config_output(config, 3, DORMOUSE_TO_HOST, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no stream 3");
    CHECK(!dormouse_config_output(config, DORMOUSE_STREAM_STDERR, -1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no dormouse_to -1");
    CHECK(!dormouse_config_stdin(config, NULL, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "stdin is NULL");
    CHECK(!dormouse_config_stdin(config, "x", SIZE_MAX, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "too long");
    CHECK(dormouse_config_stdin(config, NULL, 0, NULL));
    dormouse_config_free(config);
    dormouse_image_free(image);
}

/* What a callback was given, and whether it was released. */
struct seen {
    char text[64];
    size_t length;
    int released;
    dormouse_config *config;
};

static void see(void *user, const char *data, size_t length) {
    struct seen *seen = user;
    CHECK(seen->length + length < sizeof seen->text);
    memcpy(seen->text + seen->length, data, length);
    seen->length += length;
}

/* It may use the configuration that it was given to. */
static void release(void *user) {
    struct seen *seen = user;
    seen->released += 1;
    if (seen->config != NULL)
        CHECK(dormouse_config_memory(seen->config, 1 << 20, NULL));
}

static void callbacks(void) {
    dormouse_image *image = wat(ECHO_WAT);
    dormouse_config *config = dormouse_config_new();
    struct seen seen = {{0}, 0, 0, config}, other = {{0}, 0, 0, NULL}, never = {{0}, 0, 0, NULL};
    dormouse_error *error = GARBAGE;
    CHECK(dormouse_config_stdin(config, "hello", 5, NULL));
    CHECK(dormouse_config_output_callback(config, DORMOUSE_STREAM_STDOUT, see, &seen, release,
                                          &error));
    CHECK(error == NULL);
    dormouse_outcome_free(run(image, config, start()));
    dormouse_outcome_free(run(image, config, start()));
    CHECK(strcmp(seen.text, "hellohello") == 0);
    CHECK(seen.released == 0);

    /* The next one takes its place; that is when the first is released. */
    CHECK(dormouse_config_output_callback(config, DORMOUSE_STREAM_STDOUT, see, &other, release,
                                          NULL));
    CHECK(seen.released == 1 && other.released == 0);
    dormouse_config_free(config);
    CHECK(seen.released == 1 && other.released == 1);

    /* Released in any case. */
    CHECK(!dormouse_config_output_callback(NULL, DORMOUSE_STREAM_STDOUT, see, &never, release,
                                           &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "configuration is NULL");
    CHECK(never.released == 1);
    never.config = config = dormouse_config_new();
    CHECK(!dormouse_config_output_callback(config, DORMOUSE_STREAM_STDOUT, NULL, &never, release,
                                           &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "callback is NULL");
    CHECK(!dormouse_config_output_callback(config, 9, see, &never, release, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no stream 9");
    CHECK(!dormouse_config_function(config, "f", NULL, &never, release, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "function is NULL");
    CHECK(never.released == 4);
    dormouse_config_free(config);
    dormouse_image_free(image);
}

static void limits(void) {
    dormouse_image *image = wat(LOOP_WAT);
    dormouse_config *config = dormouse_config_new();
    dormouse_outcome *outcome;
    CHECK(dormouse_config_timeout(config, 50, NULL));
    outcome = run(image, config, start());
    CHECK(dormouse_outcome_status(outcome) == DORMOUSE_STATUS_LIMIT);
    CHECK(dormouse_outcome_limit(outcome) == DORMOUSE_LIMIT_DEADLINE);
    CHECK(strstr(dormouse_outcome_message(outcome), "deadline") != NULL);
    CHECK(dormouse_outcome_microseconds(outcome) > 0);
    dormouse_outcome_free(outcome);
    CHECK(dormouse_config_timeout(config, 0, NULL));
    CHECK(dormouse_config_fuel(config, 1000, NULL));
    outcome = run(image, config, start());
    CHECK(dormouse_outcome_limit(outcome) == DORMOUSE_LIMIT_FUEL);
    dormouse_outcome_free(outcome);
    dormouse_image_free(image);

    image = wat(GROW_WAT);
    outcome = run(image, NULL, start());
    CHECK(dormouse_outcome_exit_code(outcome) == 0);
    dormouse_outcome_free(outcome);
    CHECK(dormouse_config_fuel(config, 0, NULL));
    CHECK(dormouse_config_memory(config, 1 << 20, NULL));
    outcome = run(image, config, start());
    CHECK(dormouse_outcome_memory_refused(outcome));
    CHECK(dormouse_outcome_limit(outcome) == DORMOUSE_LIMIT_MEMORY);
    dormouse_outcome_free(outcome);
    dormouse_image_free(image);

    image = wat(TRAP_WAT);
    outcome = run(image, NULL, start());
    CHECK(dormouse_outcome_status(outcome) == DORMOUSE_STATUS_TRAP);
    CHECK(dormouse_outcome_exit_code(outcome) == -1);
    CHECK(strstr(dormouse_outcome_message(outcome), "unreachable") != NULL);
    dormouse_outcome_free(outcome);
    dormouse_image_free(image);
    dormouse_config_free(config);
}

static void *stop_soon(void *stopper) {
    struct timespec moment = {0, 100000000};
    nanosleep(&moment, NULL);
    dormouse_stopper_stop(stopper);
    return NULL;
}

static void stopping(void) {
    dormouse_image *image = wat(LOOP_WAT);
    dormouse_config *config = dormouse_config_new();
    dormouse_stopper *stopper = dormouse_stopper_new();
    dormouse_program *program = start();
    dormouse_error *error = GARBAGE;
    pthread_t thread;
    CHECK(dormouse_config_timeout(config, 0, NULL));
    CHECK(pthread_create(&thread, NULL, stop_soon, stopper) == 0);
    CHECK(dormouse_run(image, program, config, stopper, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_STOPPED, "stopped");
    CHECK(pthread_join(thread, NULL) == 0);
    /* Once stopped, what comes then is stopped too. */
    CHECK(dormouse_run(image, program, config, stopper, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_STOPPED, "stopped");
    dormouse_stopper_stop(NULL);
    dormouse_stopper_free(stopper);
    dormouse_program_free(program);
    dormouse_config_free(config);
    dormouse_image_free(image);
}

/* Eight threads share an image and a configuration. */
struct shared {
    dormouse_image *image;
    dormouse_config *config;
};

static void *run_some(void *shared) {
    struct shared *these = shared;
    for (int i = 0; i < 20; i++) {
        dormouse_outcome *outcome = run(these->image, these->config, start());
        CHECK(is_stdout(outcome, "shared"));
        dormouse_outcome_free(outcome);
    }
    return NULL;
}

static void threads(void) {
    struct shared shared = {wat(ECHO_WAT), dormouse_config_new()};
    pthread_t all[8];
    CHECK(dormouse_config_stdin(shared.config, "shared", 6, NULL));
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&all[i], NULL, run_some, &shared) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
    dormouse_config_free(shared.config);
    dormouse_image_free(shared.image);
}

static void snapshots(const char *folder) {
    dormouse_image *plain = wat(PREPARED_WAT), *kept, *read;
    dormouse_program *program = start();
    dormouse_error *error = GARBAGE;
    dormouse_outcome *outcome;
    char path[1024];
    snprintf(path, sizeof path, "%s/api.dormouse", folder);
    kept = dormouse_image_snapshot(plain, program, "init:prepare", NULL, &error);
    FINE(error);
    CHECK(dormouse_image_save(kept, path, &error));
    FINE(error);
    dormouse_image_free(kept);
    outcome = run(plain, NULL, start());
    CHECK(dormouse_outcome_exit_code(outcome) == 1);
    dormouse_outcome_free(outcome);
    for (int way = 0; way < 2; way++) {
        read = way == 0 ? dormouse_image_open(path, &error) : dormouse_image_map(path, &error);
        FINE(error);
        outcome = run(read, NULL, start());
        CHECK(dormouse_outcome_exit_code(outcome) == 7);
        dormouse_outcome_free(outcome);
        dormouse_image_free(read);
    }

    CHECK(dormouse_image_snapshot(plain, program, "nowhere", NULL, &error) == NULL);
    CHECK(error != NULL);
    dormouse_error_free(error);
    CHECK(dormouse_image_snapshot(plain, program, NULL, NULL, &error) == NULL);
    CHECK(error != NULL);
    dormouse_error_free(error);
    CHECK(dormouse_image_snapshot(plain, NULL, NULL, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "program is NULL");
    CHECK(!dormouse_image_save(NULL, path, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "image is NULL");
    CHECK(!dormouse_image_save(plain, "/nowhere/at/all", &error));
    REFUSED(error, DORMOUSE_FAILURE_IO, "/nowhere/at/all");
    dormouse_program_free(program);
    dormouse_image_free(plain);
}

static void refusals(void) {
    dormouse_error *error = GARBAGE;
    dormouse_image *image = wat(TRAP_WAT);
    dormouse_config *config = dormouse_config_new();
    dormouse_program *program = start();
    dormouse_outcome *outcome;

    CHECK(dormouse_image_new(NULL, "", 0, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "name is NULL");
    CHECK(dormouse_image_new("\xff", "", 0, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "not UTF-8");
    CHECK(dormouse_image_new("bad.wat", NULL, 5, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "data is NULL");
    CHECK(dormouse_image_new("bad.wat", "(modul)", 7, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_MODULE, "bad.wat");
    CHECK(dormouse_image_new("bad.wat", "(modul)", 7, NULL) == NULL);
    CHECK(dormouse_image_open("/nowhere", &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_IO, "/nowhere: no such file");
    CHECK(dormouse_image_map("/nowhere", &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_IO, "/nowhere: no such file");
    CHECK(dormouse_image_map(NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "path is NULL");
    CHECK(dormouse_image_language("cobol", NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_GUEST, "cobol");

    CHECK(!dormouse_config_mount(config, "/x", "/tmp", 3, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no mode 3");
    CHECK(!dormouse_config_mount(config, NULL, "/tmp", DORMOUSE_MODE_READ, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "guest's path is NULL");
    CHECK(!dormouse_config_env(config, "A", NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "value is NULL");
    CHECK(!dormouse_config_timeout(NULL, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "configuration is NULL");
    CHECK(!dormouse_config_memory(NULL, 1, NULL));
    CHECK(dormouse_config_seed(config, 1, &error));
    FINE(error);

    CHECK(dormouse_run(NULL, program, config, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "image is NULL");
    CHECK(dormouse_run(image, NULL, config, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "program is NULL");
    CHECK(!dormouse_program_arg(NULL, "x", &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "program is NULL");
    CHECK(!dormouse_program_arg(program, NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "argument is NULL");
    CHECK(dormouse_program_arg(program, "\xff", &error));
    FINE(error);
    CHECK(dormouse_config_mount(config, "/x", "/nowhere", DORMOUSE_MODE_READ, NULL));
    CHECK(dormouse_run(image, program, config, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_GRANT, "/nowhere");
    dormouse_program_free(program);
    program = code("print(1)");
    CHECK(dormouse_run(image, program, NULL, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "");
    CHECK(dormouse_session_open(image, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "");
    CHECK(dormouse_session_open(NULL, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "image is NULL");
    CHECK(dormouse_session_run(NULL, "1", 1, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "session is NULL");
    CHECK(dormouse_session_fork(NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "session is NULL");
    CHECK(!dormouse_answer_json(NULL, "1", &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "answer is NULL");

    /* Nothing in particular comes of asking nothing. */
    outcome = NULL;
    CHECK(dormouse_outcome_status(outcome) == DORMOUSE_STATUS_NONE);
    CHECK(dormouse_outcome_exit_code(outcome) == -1);
    CHECK(dormouse_outcome_message(outcome) == NULL);
    CHECK(dormouse_outcome_stdout(outcome).data == NULL);
    CHECK(dormouse_outcome_stderr(outcome).length == 0);
    CHECK(dormouse_error_kind(NULL) == DORMOUSE_FAILURE_NONE);
    CHECK(dormouse_error_message(NULL) == NULL);
    CHECK(dormouse_error_exit_code(NULL) == -1);
    CHECK(!dormouse_session_is_open(NULL));
    dormouse_session_close(NULL);
    dormouse_session_interrupt(NULL);
    dormouse_error_free(NULL);
    dormouse_image_free(NULL);
    dormouse_config_free(NULL);
    dormouse_program_free(NULL);
    dormouse_outcome_free(NULL);
    dormouse_session_free(NULL);
    dormouse_stopper_free(NULL);

    dormouse_program_free(program);
    dormouse_config_free(config);
    dormouse_image_free(image);
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    version();
    streams();
    callbacks();
    limits();
    stopping();
    threads();
    snapshots(argv[1]);
    refusals();
    puts("api: ok");
    return 0;
}
