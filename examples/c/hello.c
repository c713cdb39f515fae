/*
 * Untrusted code in a C program: a Wasm function, a WASI program, a line of Python
 * that calls back, and one that never ends.
 *
 *     cargo build --release -p dormouse-c
 *     cc -Ibindings/c/include examples/c/hello.c target/release/libdormouse.a \
 *         -lpthread -ldl -lm -o hello
 *     ./hello python.dormouse
 *
 * The image of Python comes from dormouse_image_save: see image.c beside this file.
 */
#include "dormouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the program if something failed: nothing else is to be done here. */
static void check(dormouse_error *error) {
    if (error == NULL)
        return;
    fprintf(stderr, "hello: %s\n", dormouse_error_message(error));
    dormouse_error_free(error);
    exit(1);
}

/* Calls an export of a Wasm module, whose text form is as good as its binary. */
static void add_numbers(void) {
    static const char wat[] =
        "(module (func (export \"add\") (param i32 i32) (result i32)"
        "  (i32.add (local.get 0) (local.get 1))))";
    dormouse_error *error;
    dormouse_value numbers[2], sum;

    dormouse_module *module = dormouse_module_new("add.wat", wat, strlen(wat), &error);
    check(error);
    dormouse_instance *instance = dormouse_instance_new(module, NULL, NULL, &error);
    check(error);

    numbers[0].kind = numbers[1].kind = DORMOUSE_KIND_I32;
    numbers[0].of.i32 = 5;
    numbers[1].of.i32 = 7;
    dormouse_instance_call(instance, "add", numbers, 2, &sum, 1, &error);
    check(error);
    printf("wasm: 5 + 7 = %d\n", (int)sum.of.i32);

    dormouse_instance_free(instance);
    dormouse_module_free(module);
}

/* Runs a WASI program, which is given nothing, and shows what it printed. */
static void run_program(void) {
    static const char wat[] =
        "(module"
        "  (import \"wasi_snapshot_preview1\" \"fd_write\""
        "    (func $write (param i32 i32 i32 i32) (result i32)))"
        "  (memory (export \"memory\") 1)"
        "  (data (i32.const 0) \"\\08\\00\\00\\00\\0e\\00\\00\\00hello, world!\\n\")"
        "  (func (export \"_start\")"
        "    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))))";
    dormouse_error *error;

    dormouse_image *image = dormouse_image_new("hello.wat", wat, strlen(wat), &error);
    check(error);
    dormouse_program *program = dormouse_program_start("hello", &error);
    check(error);
    dormouse_outcome *outcome = dormouse_run(image, program, NULL, NULL, &error);
    check(error);

    dormouse_bytes out = dormouse_outcome_stdout(outcome);
    printf("wasi: exit code %d, printed: %.*s", (int)dormouse_outcome_exit_code(outcome),
           (int)out.length, out.data);

    dormouse_outcome_free(outcome);
    dormouse_program_free(program);
    dormouse_image_free(image);
}

/* A function of ours that guests may call: upper({"text": ...}), more or less. */
static void shout(void *user, const char *arguments, dormouse_answer *answer) {
    int *calls = user;
    char text[64];
    size_t length = 0;

    ++*calls;
    if (sscanf(arguments, "{\"text\":\"%60[a-z ]\"}", text) != 1) {
        dormouse_answer_error(answer, DORMOUSE_ANSWER_KIND_INVALID,
                              "shout takes a text of small letters", NULL);
        return;
    }
    char json[sizeof text + 3];
    json[length++] = '"';
    for (const char *c = text; *c != '\0'; c++)
        json[length++] = *c == ' ' ? ' ' : (char)(*c - 'a' + 'A');
    json[length++] = '!';
    json[length++] = '"';
    json[length] = '\0';
    dormouse_answer_json(answer, json, NULL);
}

/* Runs a piece of Python, and shows what came of it. */
static void run_python(const dormouse_image *python, const dormouse_config *config,
                       const char *code) {
    dormouse_error *error;
    dormouse_program *program = dormouse_program_code(code, strlen(code), &error);
    check(error);
    dormouse_outcome *outcome = dormouse_run(python, program, config, NULL, &error);
    check(error);

    switch (dormouse_outcome_status(outcome)) {
    case DORMOUSE_STATUS_EXIT:
        printf("python: exit code %d, printed: %s", (int)dormouse_outcome_exit_code(outcome),
               dormouse_outcome_stdout(outcome).data);
        break;
    default:
        printf("python: %s\n", dormouse_outcome_message(outcome));
    }
    dormouse_outcome_free(outcome);
    dormouse_program_free(program);
}

int main(int argc, char **argv) {
    dormouse_error *error;
    int calls = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: hello PYTHON-IMAGE\n");
        return 2;
    }
    printf("dormouse %s\n", dormouse_version());
    add_numbers();
    run_program();

    /* The file is mapped, so that its memory is shared; nobody writes to it. */
    dormouse_image *python = dormouse_image_map(argv[1], &error);
    check(error);

    /* What the code may do: call one function. It has no files, no network. */
    dormouse_config *config = dormouse_config_new();
    dormouse_config_function(config, "shout", shout, &calls, NULL, &error);
    check(error);
    run_python(python, config, "print(call('shout', text='hello from python'))");
    printf("calls of shout: %d\n", calls);

    /* It can't stay for longer than it is given. */
    dormouse_config_timeout(config, 200, &error);
    check(error);
    run_python(python, config, "while True: pass");

    dormouse_config_free(config);
    dormouse_image_free(python);
    return 0;
}
