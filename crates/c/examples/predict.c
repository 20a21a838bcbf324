/* Predicts rows of numbers, read from stdin with commas between them, and prints what `chainrule predict` prints.

   cargo build --release -p chainrule-c
   cc predict.c -I../include -L../../../target/release -lchainrule_c -Wl,-rpath,../../../target/release -o predict
   ./predict model.safetensors < rows.csv */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chainrule.h"

/* The numbers of a line: 0 where it has others than `count`, as a header has. */
static int read_row(char *line, float *row, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *end;
        row[i] = strtof(line, &end);
        end += strspn(end, " \r\n");
        if (end == line || *end != (i + 1 < count ? ',' : '\0'))
            return 0;
        line = end + 1;
    }
    return 1;
}

/* The likeliest class; a lone number is the probability of the second of two. */
static size_t class_of(const float *p, size_t outputs) {
    if (outputs == 1)
        return p[0] > 0.5f;
    size_t best = 0;
    for (size_t i = 1; i < outputs; i++)
        if (p[i] > p[best])
            best = i;
    return best;
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: predict MODEL < ROWS\n");
        return 2;
    }
    ChainruleModel *model = chainrule_load(arguments[1]);
    if (!model) {
        fprintf(stderr, "%s\n", chainrule_error());
        return 2;
    }
    size_t inputs = chainrule_inputs(model), outputs = chainrule_outputs(model);
    size_t classes = chainrule_class_count(model);
    float *row = calloc(inputs, sizeof *row), *prediction = calloc(outputs, sizeof *prediction);
    static char line[1 << 16];
    int failed = !row || !prediction;
    while (!failed && fgets(line, sizeof line, stdin)) {
        if (!read_row(line, row, inputs))
            continue;
        failed = chainrule_predict(model, 1, row, inputs, prediction, outputs) != 0;
        if (failed) {
            fprintf(stderr, "%s\n", chainrule_error());
            break;
        }
        if (classes > 0)
            printf("%s,", chainrule_class_name(model, class_of(prediction, outputs)));
        for (size_t i = 0; i < outputs; i++)
            printf("%.9g%c", prediction[i], i + 1 < outputs ? ',' : '\n');
    }
    free(row);
    free(prediction);
    chainrule_free(model);
    return failed;
}
