/*
 * Makes the image of a language that programs on other machines, which can fetch
 * nothing, carry with them:
 *
 *     ./image python python.dormouse
 *
 * This one fetches the language's guest (by npm) and starts it once, unless that
 * has been done here before.
 */
#include "dormouse.h"

#include <stdio.h>

int main(int argc, char **argv) {
    dormouse_error *error;
    if (argc != 3) {
        fprintf(stderr, "usage: image python|javascript FILE\n");
        return 2;
    }
    dormouse_image *image = dormouse_image_language(argv[1], NULL, &error);
    if (error == NULL)
        dormouse_image_save(image, argv[2], &error);
    dormouse_image_free(image);
    if (error == NULL)
        return 0;
    fprintf(stderr, "image: %s\n", dormouse_error_message(error));
    dormouse_error_free(error);
    return 1;
}
