/*
 * A prompt for Python or JavaScript in some lines of C: ./session IMAGE
 * What is typed runs in one guest, which keeps its names until it ends.
 */
#include "dormouse.h"

#include <stdio.h>
#include <string.h>

/* Gives on what the guest prints, while it runs. */
static void print(void *user, const char *data, size_t length) {
    fwrite(data, 1, length, user);
    fflush(user);
}

int main(int argc, char **argv) {
    dormouse_error *error;
    char code[4096] = "", line[1024];
    if (argc != 2) {
        fprintf(stderr, "usage: session IMAGE\n");
        return 2;
    }
    dormouse_config *config = dormouse_config_new();
    dormouse_config_output_callback(config, DORMOUSE_STREAM_STDOUT, print, stdout, NULL, NULL);
    dormouse_config_output_callback(config, DORMOUSE_STREAM_STDERR, print, stdout, NULL, NULL);
    dormouse_config_timeout(config, 10000, NULL);
    dormouse_image *image = dormouse_image_open(argv[1], &error);
    dormouse_session *session =
        error == NULL ? dormouse_session_open(image, config, &error) : NULL;

    while (error == NULL && dormouse_session_is_open(session) &&
           fgets(line, sizeof line, stdin) != NULL) {
        bool complete = false;
        if (strlen(code) + strlen(line) >= sizeof code) {
            printf("too long\n");
            break;
        }
        strcat(code, line);
        /* An empty line ends what has several. */
        if (!dormouse_session_is_complete(session, code, strlen(code), &complete, &error) ||
            (!complete && line[0] != '\n'))
            continue;
        dormouse_outcome *outcome = dormouse_session_repl(session, code, strlen(code), &error);
        if (dormouse_outcome_status(outcome) == DORMOUSE_STATUS_LIMIT)
            printf("%s\n", dormouse_outcome_message(outcome));
        dormouse_outcome_free(outcome);
        code[0] = '\0';
    }

    dormouse_session_free(session);
    dormouse_image_free(image);
    dormouse_config_free(config);
    if (error == NULL)
        return 0;
    fprintf(stderr, "session: %s\n", dormouse_error_message(error));
    dormouse_error_free(error);
    return 1;
}
