/* Predictions of models that Chainrule trained. Made by cbindgen of crates/c/src/lib.rs: do not edit. */

#ifndef CHAINRULE_H
#define CHAINRULE_H

#include <stddef.h>

/*
 A trained model. Several threads may use one at the same time.
 */
typedef struct ChainruleModel ChainruleModel;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Reads a model file that `chainrule train`, `chainrule import` or the library wrote. The path is text in UTF-8. Returns NULL if that
 fails. The caller owns the model and releases it with chainrule_free.
 */
ChainruleModel *chainrule_load(const char *path);

/*
 The number of values in a row of input: the columns of a table, with one for each word of each category, or the pixels of a picture
 with the channels last. Returns 0 if model is NULL.
 */
size_t chainrule_inputs(const ChainruleModel *model);

/*
 The number of values in a prediction: a probability for each class, or the numbers of a regression in the units of its targets. A
 model of two classes may have one output, the probability of the second. Returns 0 if model is NULL.
 */
size_t chainrule_outputs(const ChainruleModel *model);

/*
 The number of class names. Returns 0 if the outputs are no classes, or model is NULL.
 */
size_t chainrule_class_count(const ChainruleModel *model);

/*
 The name of a class in UTF-8, in the order of the outputs. It is valid until chainrule_free. Returns NULL if index is not below
 chainrule_class_count.
 */
const char *chainrule_class_name(const ChainruleModel *model,
                                 size_t index);

/*
 Predicts rows of raw input, as they come from a file: the model scales them itself. input has input_length values, row after row, and
 input_length must be rows times chainrule_inputs. output has room for output_length values, at least rows times chainrule_outputs, and
 may overlap input. Returns 0, or -1 if that fails; output is then unchanged.
 */
int chainrule_predict(const ChainruleModel *model,
                      size_t rows,
                      const float *input,
                      size_t input_length,
                      float *output,
                      size_t output_length);

/*
 As chainrule_predict, for values of 64 bits. A model of 32 bits computes with 32.
 */
int chainrule_predict_f64(const ChainruleModel *model,
                          size_t rows,
                          const double *input,
                          size_t input_length,
                          double *output,
                          size_t output_length);

/*
 The error message of the last call that failed in this thread, in UTF-8; empty if none failed. It is valid until the next call that
 fails in this thread.
 */
const char *chainrule_error(void);

/*
 Releases a model. Afterwards no thread may use it, nor the names of its classes. Does nothing if model is NULL.
 */
void chainrule_free(ChainruleModel *model);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CHAINRULE_H */
