/* What the tests in C share. */
#ifndef CHECK_H
#define CHECK_H

#include "dormouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the test unless it is so. */
#define CHECK(is_so)                                                                     \
    do {                                                                                 \
        if (!(is_so)) {                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #is_so);                  \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

/* Nothing failed. */
#define FINE(error)                                                                      \
    do {                                                                                 \
        if ((error) != NULL) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,                           \
                    dormouse_error_message(error));                                      \
            exit(1);                                                                     \
        }                                                                                \
    } while (0)

/* It failed, by `failure` and with a message that has `text` in it; frees the error. */
#define REFUSED(error, failure, text)                                                    \
    do {                                                                                 \
        CHECK((error) != NULL);                                                          \
        if (dormouse_error_kind(error) != (failure) ||                                   \
            strstr(dormouse_error_message(error), (text)) == NULL) {                     \
            fprintf(stderr, "%s:%d: %d: %s\n", __FILE__, __LINE__,                       \
                    (int)dormouse_error_kind(error), dormouse_error_message(error));     \
            exit(1);                                                                     \
        }                                                                                \
        dormouse_error_free(error);                                                      \
        (error) = NULL;                                                                  \
    } while (0)

/* A pointer that must be overwritten, never looked at. */
#define GARBAGE ((dormouse_error *)(void *)&garbage)
static char garbage;

static inline dormouse_image *wat(const char *text) {
    dormouse_error *error = GARBAGE;
    dormouse_image *image = dormouse_image_new("test.wat", text, strlen(text), &error);
    FINE(error);
    CHECK(image != NULL);
    return image;
}

static inline dormouse_outcome *run(const dormouse_image *image, const dormouse_config *config,
                                    dormouse_program *program) {
    dormouse_error *error = GARBAGE;
    dormouse_outcome *outcome;
    CHECK(program != NULL);
    outcome = dormouse_run(image, program, config, NULL, &error);
    FINE(error);
    CHECK(outcome != NULL);
    dormouse_program_free(program);
    return outcome;
}

static inline dormouse_program *code(const char *text) {
    return dormouse_program_code(text, strlen(text), NULL);
}

static inline int is_stdout(const dormouse_outcome *outcome, const char *text) {
    dormouse_bytes bytes = dormouse_outcome_stdout(outcome);
    if (bytes.length == strlen(text) && memcmp(bytes.data, text, bytes.length) == 0)
        return 1;
    fprintf(stderr, "stdout: %s\nstderr: %s\n", bytes.data,
            dormouse_outcome_stderr(outcome).data);
    return 0;
}

#endif
