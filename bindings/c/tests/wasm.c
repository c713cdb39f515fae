/* The C API's plain Wasm: modules, instances, values, memory, imports. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <math.h>
#include <pthread.h>
#include <time.h>

static const char WAT[] =
    "(module"
    "  (import \"env\" \"twice\" (func $twice (param i32) (result i32)))"
    "  (import \"env\" \"fail\" (func $fail))"
    "  (import \"env\" \"zero\" (func $zero (result i64 f32 externref)))"
    "  (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32)))"
    "  (import \"wasi_snapshot_preview1\" \"fd_write\""
    "    (func $write (param i32 i32 i32 i32) (result i32)))"
    "  (memory (export \"memory\") 1 3)"
    "  (data (i32.const 0) \"\\08\\00\\00\\00\\05\\00\\00\\00hello\")"
    "  (global (export \"count\") (mut i32) (i32.const 0))"
    "  (global (export \"pi\") f64 (f64.const 3.25))"
    "  (table 1 funcref) (elem (i32.const 0) $add)"
    "  (func $add (export \"add\") (param i32 i32) (result i32)"
    "    (i32.add (local.get 0) (local.get 1)))"
    "  (func (export \"next\") (result i32)"
    "    (global.set 0 (i32.add (global.get 0) (i32.const 1))) (global.get 0))"
    "  (func (export \"swap\") (param i64 f32 f64 v128)"
    "    (result v128 f64 f32 i64)"
    "    (local.get 3) (local.get 2) (local.get 1) (local.get 0))"
    "  (func (export \"same\") (param externref) (result externref) (local.get 0))"
    "  (func (export \"adder\") (result funcref) (ref.func $add))"
    "  (func (export \"twice\") (param i32) (result i32) (call $twice (local.get 0)))"
    "  (func (export \"fail\") (call $fail))"
    "  (func (export \"zero\") (result i64 f32 externref) (call $zero))"
    "  (func (export \"trap\") unreachable)"
    "  (func (export \"loop\") (loop (br 0)))"
    "  (func (export \"exit\") (call $exit (i32.const 9)))"
    "  (func (export \"say\")"
    "    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 16)))))";

static dormouse_value i32(int32_t number) {
    dormouse_value value;
    value.kind = DORMOUSE_KIND_I32;
    value.of.i32 = number;
    return value;
}

/* What the imported functions are called with. */
struct host {
    dormouse_instance *instance;
    int calls;
    int released;
};

static bool twice(void *user, dormouse_context *context, const dormouse_value *arguments,
                  size_t argument_count, dormouse_value *results, size_t result_count) {
    struct host *host = user;
    dormouse_error *error = GARBAGE;
    dormouse_value both[2], sum;
    uint64_t size = 0;
    char text[5];
    host->calls++;
    CHECK(argument_count == 1 && result_count == 1);
    CHECK(arguments[0].kind == DORMOUSE_KIND_I32);

    /* The instance is in use: its guest's context is what there is. */
    CHECK(!dormouse_instance_memory_size(host->instance, NULL, &size, &error));
    REFUSED(error, DORMOUSE_FAILURE_BUSY, "in use");
    CHECK(dormouse_context_memory_size(context, NULL, &size, NULL) && size == 65536);
    CHECK(dormouse_context_memory_read(context, "memory", 8, text, 5, NULL));
    CHECK(memcmp(text, "hello", 5) == 0);
    CHECK(!dormouse_context_memory_read(context, NULL, 65532, text, 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_MEMORY, "");
    CHECK(dormouse_context_memory_write(context, NULL, 100, "x", 1, NULL));
    CHECK(!dormouse_context_memory_write(context, NULL, UINT64_MAX, "x", 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_MEMORY, "");

    both[0] = both[1] = arguments[0];
    CHECK(dormouse_context_call(context, "add", both, 2, &sum, 1, &error));
    CHECK(!dormouse_context_call(context, "add", both, 1, &sum, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "add");
    CHECK(!dormouse_context_call(NULL, "add", both, 2, &sum, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "context is NULL");
    results[0] = arguments[0];
    CHECK(dormouse_context_call(context, "add", both, 2, results, 1, &error));
    return true;
}

static bool fail(void *user, dormouse_context *context, const dormouse_value *arguments,
                 size_t argument_count, dormouse_value *results, size_t result_count) {
    (void)user;
    (void)arguments;
    (void)results;
    CHECK(argument_count == 0 && result_count == 0);
    CHECK(dormouse_context_fail(context, "out of tea", NULL));
    return false;
}

/* Sets nothing. */
static bool zero(void *user, dormouse_context *context, const dormouse_value *arguments,
                 size_t argument_count, dormouse_value *results, size_t result_count) {
    (void)user;
    (void)context;
    (void)arguments;
    CHECK(argument_count == 0 && result_count == 3);
    CHECK(results[0].kind == DORMOUSE_KIND_I64 && results[2].kind == DORMOUSE_KIND_NULL);
    return true;
}

static void released(void *user) { ((struct host *)user)->released++; }

static void calls(dormouse_instance *instance) {
    dormouse_error *error = GARBAGE;
    dormouse_value in[4], out[4];
    uint64_t add = 99;
    in[0] = i32(5);
    in[1] = i32(7);
    CHECK(dormouse_instance_call(instance, "add", in, 2, out, 1, &error));
    CHECK(out[0].kind == DORMOUSE_KIND_I32 && out[0].of.i32 == 12);
    CHECK(dormouse_instance_function(instance, "add", &add, NULL));
    for (int32_t i = 0; i < 1000; i++) {
        in[0] = i32(i);
        CHECK(dormouse_instance_call_function(instance, add, in, 2, out, 1, NULL));
        CHECK(out[0].of.i32 == i + 7);
    }
    in[0].kind = DORMOUSE_KIND_I64;
    in[0].of.i64 = INT64_MIN;
    in[1].kind = DORMOUSE_KIND_F32;
    in[1].of.f32 = -1.5F;
    in[2].kind = DORMOUSE_KIND_F64;
    in[2].of.f64 = INFINITY;
    in[3].kind = DORMOUSE_KIND_V128;
    memcpy(in[3].of.v128, "0123456789abcdef", 16);
    CHECK(dormouse_instance_call(instance, "swap", in, 4, out, 4, NULL));
    CHECK(out[0].kind == DORMOUSE_KIND_V128 && memcmp(out[0].of.v128, in[3].of.v128, 16) == 0);
    CHECK(out[1].kind == DORMOUSE_KIND_F64 && isinf(out[1].of.f64));
    CHECK(out[2].kind == DORMOUSE_KIND_F32 && out[2].of.f32 == -1.5F);
    CHECK(out[3].kind == DORMOUSE_KIND_I64 && out[3].of.i64 == INT64_MIN);

    in[0].kind = DORMOUSE_KIND_EXTERN;
    in[0].of.reference = 1234567890123;
    CHECK(dormouse_instance_call(instance, "same", in, 1, out, 1, NULL));
    CHECK(out[0].kind == DORMOUSE_KIND_EXTERN && out[0].of.reference == 1234567890123);
    in[0].kind = DORMOUSE_KIND_NULL;
    CHECK(dormouse_instance_call(instance, "same", in, 1, out, 1, NULL));
    CHECK(out[0].kind == DORMOUSE_KIND_NULL);
    CHECK(dormouse_instance_call(instance, "adder", NULL, 0, out, 1, NULL));
    CHECK(out[0].kind == DORMOUSE_KIND_FUNCTION);
    in[0] = in[1] = i32(4);
    CHECK(dormouse_instance_call_function(instance, out[0].of.reference, in, 2, out, 1, NULL));
    CHECK(out[0].of.i32 == 8);

    CHECK(!dormouse_instance_call(instance, "sub", in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "sub");
    CHECK(!dormouse_instance_call(instance, "add", in, 1, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "add");
    CHECK(!dormouse_instance_call(instance, "add", in, 2, out, 2, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "");
    CHECK(!dormouse_instance_call(instance, "add", in, 2, NULL, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "results is NULL");
    CHECK(!dormouse_instance_call(instance, "add", NULL, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "arguments is NULL");
    CHECK(!dormouse_instance_call(instance, NULL, in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "name is NULL");
    in[0].kind = DORMOUSE_KIND_F32;
    CHECK(!dormouse_instance_call(instance, "add", in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "add");
    in[0].kind = 77;
    CHECK(!dormouse_instance_call(instance, "add", in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no dormouse_kind 77");
    in[0].kind = DORMOUSE_KIND_FUNCTION;
    in[0].of.reference = 1000;
    CHECK(!dormouse_instance_call(instance, "add", in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no function 1000");
    CHECK(!dormouse_instance_call_function(instance, 1000, in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no function 1000");
    CHECK(!dormouse_instance_function(instance, "memory", &add, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "memory");
    CHECK(!dormouse_instance_function(instance, "add", NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "NULL");
    CHECK(!dormouse_instance_call(NULL, "add", in, 2, out, 1, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "instance is NULL");
}

static void ends(dormouse_instance *instance) {
    dormouse_error *error = GARBAGE;
    CHECK(!dormouse_instance_call(instance, "trap", NULL, 0, NULL, 0, &error));
    REFUSED(error, DORMOUSE_FAILURE_TRAP, "unreachable");
    CHECK(!dormouse_instance_call(instance, "loop", NULL, 0, NULL, 0, &error));
    CHECK(dormouse_error_limit(error) == DORMOUSE_LIMIT_DEADLINE);
    REFUSED(error, DORMOUSE_FAILURE_LIMIT, "deadline");
    CHECK(!dormouse_instance_call(instance, "fail", NULL, 0, NULL, 0, &error));
    REFUSED(error, DORMOUSE_FAILURE_IMPORT, "out of tea");
    CHECK(!dormouse_instance_call(instance, "exit", NULL, 0, NULL, 0, &error));
    CHECK(dormouse_error_exit_code(error) == 9);
    REFUSED(error, DORMOUSE_FAILURE_EXIT, "9");
}

static void memory(dormouse_instance *instance) {
    dormouse_error *error = GARBAGE;
    char text[6] = "xxxxx";
    uint64_t size = 0, before = 99;
    CHECK(dormouse_instance_memory_read(instance, "memory", 8, text, 5, &error));
    CHECK(strcmp(text, "hello") == 0);
    CHECK(dormouse_instance_memory_write(instance, NULL, 65531, "tail!", 5, NULL));
    CHECK(dormouse_instance_memory_read(instance, NULL, 65531, text, 5, NULL));
    CHECK(strcmp(text, "tail!") == 0);
    CHECK(dormouse_instance_memory_read(instance, NULL, 65536, NULL, 0, NULL));
    CHECK(!dormouse_instance_memory_read(instance, NULL, 65532, text, 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_MEMORY, "");
    CHECK(memcmp(text, "\0\0\0\0\0", 5) == 0);
    CHECK(!dormouse_instance_memory_read(instance, NULL, UINT64_MAX, text, 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_MEMORY, "");
    CHECK(!dormouse_instance_memory_write(instance, NULL, 65532, "tail!", 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_MEMORY, "");
    CHECK(!dormouse_instance_memory_read(instance, NULL, 0, NULL, 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "buffer is NULL");
    CHECK(!dormouse_instance_memory_write(instance, NULL, 0, NULL, 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "data is NULL");
    CHECK(!dormouse_instance_memory_read(instance, "other", 0, text, 5, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "other");
    CHECK(dormouse_instance_memory_size(instance, NULL, &size, NULL) && size == 65536);
    CHECK(!dormouse_instance_memory_size(instance, NULL, NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "NULL");
    CHECK(dormouse_instance_memory_grow(instance, NULL, 1, &before, NULL) && before == 1);
    CHECK(dormouse_instance_memory_size(instance, NULL, &size, NULL) && size == 131072);
    CHECK(!dormouse_instance_memory_grow(instance, NULL, 2, NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_MEMORY, "");
}

static void globals(dormouse_instance *instance) {
    dormouse_error *error = GARBAGE;
    dormouse_value value = i32(41);
    CHECK(dormouse_instance_set_global(instance, "count", &value, &error));
    CHECK(dormouse_instance_call(instance, "next", NULL, 0, &value, 1, NULL));
    CHECK(value.of.i32 == 42);
    value = i32(0);
    CHECK(dormouse_instance_global(instance, "count", &value, NULL) && value.of.i32 == 42);
    CHECK(!dormouse_instance_set_global(instance, "pi", &value, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "pi");
    CHECK(dormouse_instance_global(instance, "pi", &value, NULL) && value.of.f64 == 3.25);
    CHECK(!dormouse_instance_set_global(instance, "count", &value, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "count");
    CHECK(!dormouse_instance_set_global(instance, "count", NULL, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "value is NULL");
    CHECK(!dormouse_instance_global(instance, "other", &value, &error));
    REFUSED(error, DORMOUSE_FAILURE_INVOKE, "other");
}

static void output(dormouse_instance *instance) {
    dormouse_error *error = GARBAGE;
    dormouse_bytes bytes;
    CHECK(dormouse_instance_call(instance, "say", NULL, 0, NULL, 0, NULL));
    CHECK(dormouse_instance_call(instance, "say", NULL, 0, NULL, 0, NULL));
    bytes = dormouse_instance_output(instance, DORMOUSE_STREAM_STDOUT, &error);
    FINE(error);
    CHECK(bytes.length == 10 && strcmp(bytes.data, "hellohello") == 0);
    bytes = dormouse_instance_output(instance, DORMOUSE_STREAM_STDOUT, NULL);
    CHECK(bytes.length == 0 && bytes.data != NULL);
    bytes = dormouse_instance_output(instance, 0, &error);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "no stream 0");
    CHECK(bytes.data == NULL);
}

static void *stop_soon(void *stopper) {
    struct timespec moment = {0, 100000000};
    nanosleep(&moment, NULL);
    dormouse_stopper_stop(stopper);
    return NULL;
}

static void stopping(const dormouse_module *module, const dormouse_config *config) {
    dormouse_error *error = GARBAGE;
    dormouse_stopper *stopper = dormouse_stopper_new();
    dormouse_instance *instance = dormouse_instance_new(module, config, stopper, &error);
    dormouse_value value;
    pthread_t thread;
    FINE(error);
    CHECK(pthread_create(&thread, NULL, stop_soon, stopper) == 0);
    CHECK(!dormouse_instance_call(instance, "loop", NULL, 0, NULL, 0, &error));
    REFUSED(error, DORMOUSE_FAILURE_STOPPED, "");
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(dormouse_instance_call(instance, "next", NULL, 0, &value, 1, &error));
    FINE(error);
    dormouse_stopper_free(stopper);
    CHECK(dormouse_instance_call(instance, "next", NULL, 0, &value, 1, NULL));
    dormouse_instance_free(instance);
}

int main(void) {
    struct host host = {NULL, 0, 0};
    dormouse_error *error = GARBAGE;
    dormouse_module *module = dormouse_module_new("test.wat", WAT, sizeof WAT - 1, &error);
    dormouse_config *config = dormouse_config_new(), *limited = dormouse_config_new();
    dormouse_instance *instance, *other;
    dormouse_value value;
    FINE(error);
    CHECK(dormouse_module_new("bad", "(bad)", 5, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_MODULE, "bad");
    CHECK(dormouse_module_open("/nowhere.wasm", &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_IO, "/nowhere.wasm");
    CHECK(dormouse_instance_new(module, NULL, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_MODULE, "env");
    CHECK(dormouse_instance_new(NULL, NULL, NULL, &error) == NULL);
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "module is NULL");
    CHECK(!dormouse_config_import(config, "env", NULL, twice, &host, released, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "name is NULL");
    CHECK(!dormouse_config_import(config, "env", "twice", NULL, &host, released, &error));
    REFUSED(error, DORMOUSE_FAILURE_ARGUMENT, "function is NULL");
    CHECK(host.released == 2);

    CHECK(dormouse_config_timeout(config, 0, NULL) && dormouse_config_timeout(limited, 100, NULL));
    CHECK(dormouse_config_import(config, "env", "twice", twice, &host, released, NULL));
    CHECK(dormouse_config_import(config, "env", "fail", fail, NULL, NULL, NULL));
    CHECK(dormouse_config_import(config, "env", "zero", zero, NULL, NULL, NULL));
    CHECK(dormouse_config_import(limited, "env", "zero", zero, NULL, NULL, NULL));
    CHECK(dormouse_config_import(limited, "env", "twice", twice, &host, NULL, NULL));
    CHECK(dormouse_config_import(limited, "env", "fail", fail, NULL, NULL, NULL));
    instance = dormouse_instance_new(module, config, NULL, &error);
    FINE(error);
    other = dormouse_instance_new(module, limited, NULL, &error);
    FINE(error);
    stopping(module, config);
    dormouse_config_free(config);
    dormouse_config_free(limited);
    dormouse_module_free(module);

    calls(instance);
    host.instance = instance;
    value = i32(21);
    CHECK(dormouse_instance_call(instance, "twice", &value, 1, &value, 1, &error));
    CHECK(value.of.i32 == 42 && host.calls == 1);
    {
        dormouse_value zeros[3];
        CHECK(dormouse_instance_call(instance, "zero", NULL, 0, zeros, 3, &error));
        CHECK(zeros[0].kind == DORMOUSE_KIND_I64 && zeros[0].of.i64 == 0);
        CHECK(zeros[1].kind == DORMOUSE_KIND_F32 && zeros[2].kind == DORMOUSE_KIND_NULL);
    }
    memory(instance);
    globals(instance);
    output(instance);

    /* Each has a state of its own, and goes on after a trap and a deadline. */
    CHECK(dormouse_instance_call(other, "next", NULL, 0, &value, 1, NULL) && value.of.i32 == 1);
    ends(other);

    CHECK(host.released == 2);
    dormouse_instance_free(instance);
    CHECK(host.released == 3);
    dormouse_instance_free(other);
    dormouse_instance_free(NULL);
    dormouse_module_free(NULL);
    puts("wasm: ok");
    return 0;
}
