/* Strata's runtime for C and C++: load a model, run it on your own arrays.
 *
 * Errors: a function that can fail returns a status; what went wrong is text, see
 * strata_error_message. No exception ever leaves a function, and nothing aborts.
 * Ownership: what a function gives by a pointer to a handle is yours to free. Names and shapes that
 * a session describes live as long as it. Arrays that you pass are used during the call only.
 * Threads: a session is for one caller at a time. Several sessions may work at once; strata_share
 * makes one that uses the same plan and weights. After fork the child may use the sessions it
 * inherits, on one thread; do not fork while one of them runs.
 */
#ifndef STRATA_H
#define STRATA_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define STRATA_API __attribute__((visibility("default")))
#else
#define STRATA_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { STRATA_MAX_RANK = 8 };

typedef enum strata_status {
  STRATA_OK = 0,
  STRATA_USAGE = 1,       /* the caller asked for something that makes no sense */
  STRATA_MODEL = 2,       /* a file or graph is malformed, or the data break the model's rules */
  STRATA_UNSUPPORTED = 3, /* well formed, but Strata cannot do it */
  STRATA_IO = 4,          /* the operating system refused: files, memory, threads */
  STRATA_INTERNAL = 5,    /* a defect in Strata */
  STRATA_TOO_SMALL = 6    /* an output does not fit its array; the tensors say what is needed */
} strata_status;

/* Element types. The narrow ones take one byte for each element. */
typedef enum strata_type {
  STRATA_F64 = 1,
  STRATA_F32 = 2,
  STRATA_F16 = 3,
  STRATA_BF16 = 4,
  STRATA_I64 = 5,
  STRATA_I32 = 6,
  STRATA_I16 = 7,
  STRATA_I8 = 8,
  STRATA_U64 = 9,
  STRATA_U32 = 10,
  STRATA_U16 = 11,
  STRATA_U8 = 12,
  STRATA_BOOL = 13,
  STRATA_F8E4M3FN = 14,
  STRATA_F8E4M3FNUZ = 15,
  STRATA_F8E5M2 = 16,
  STRATA_F8E5M2FNUZ = 17,
  STRATA_F8E8M0 = 18,
  STRATA_F6E2M3 = 19,
  STRATA_F6E3M2 = 20,
  STRATA_F4E2M1 = 21,
  STRATA_I4 = 22,
  STRATA_U4 = 23,
  STRATA_I2 = 24,
  STRATA_U2 = 25
} strata_type;

typedef struct strata_session strata_session;
typedef struct strata_result strata_result;

/* How a model is planned and run. Names and values:
 *   "threads"        "1" (the default unless the file says otherwise) to "256"; "0": all that this
 *                    process may use
 *   "memory_budget"  most bytes the arena may have; loading or the first run fails if it cannot;
 *                    where sizes depend on data, most bytes of a run (default: the machine's)
 *   "loop_limit"     most iterations and branches in one run (default: 10000000)
 *   "optimize"       "1" (the default) or "0": run the passes over the graph
 *   "off"            a pass to skip; may be repeated
 *   "kernel"         "NODE=ROW": run a node with this kernel; may be repeated
 *   "isa"            newest instruction set to use: baseline, avx2, avx512, ...
 *   "precision"      "f32" (the default unless the file says otherwise), or "bf16": factors of
 *                    convolutions and matrix products are rounded to bf16 and added in f32 (needs
 *                    avx512_bf16)
 *   "dim"            "NAME=SIZE": the size to choose kernels for; may be repeated */
typedef struct strata_option {
  const char* name;
  const char* value;
} strata_option;

/* What a model takes or gives. */
typedef struct strata_value {
  const char* name;
  strata_type type;
  int32_t rank;
  int64_t dims[STRATA_MAX_RANK];          /* -1 where the model leaves the size open */
  const char* dim_names[STRATA_MAX_RANK]; /* such a size's name or formula; else null */
} strata_value;

/* Elements in row-major order, without gaps. */
typedef struct strata_tensor {
  strata_type type;
  int32_t rank;
  int64_t dims[STRATA_MAX_RANK];
  void* data;
  size_t bytes; /* of the array at data */
} strata_tensor;

/* "0.1.0" */
STRATA_API const char* strata_version(void);
/* What the latest failure on this thread was; empty before the first. Until the next one. */
STRATA_API const char* strata_error_message(void);
/* Bytes of one element; 0 for what is no type. */
STRATA_API size_t strata_type_bytes(strata_type type);

/* Loads a model file and plans it. External weights lie beside the file. */
STRATA_API strata_status strata_load(const char* path, const strata_option* options,
                                     size_t option_count, strata_session** session);
/* The same from memory, which is copied; external weights are refused. */
STRATA_API strata_status strata_load_bytes(const void* bytes, size_t size,
                                           const strata_option* options, size_t option_count,
                                           strata_session** session);
/* Another session over the same plan and weights, for another thread: it has its own threads,
 * arena and states, which start at their initial values. Not while `session` runs. */
STRATA_API strata_status strata_share(const strata_session* session, strata_session** shared);
/* Null is fine. Results outlive their session. */
STRATA_API void strata_free(strata_session* session);

STRATA_API size_t strata_input_count(const strata_session* session);
STRATA_API size_t strata_output_count(const strata_session* session);
STRATA_API strata_status strata_input(const strata_session* session, size_t index,
                                      strata_value* value);
STRATA_API strata_status strata_output(const strata_session* session, size_t index,
                                       strata_value* value);

/* Runs once, in the order of strata_input and strata_output, and writes the outputs into the arrays
 * at outputs[i].data; type, rank, dims and bytes are set to what was written. If one does not fit
 * (with a null array none does), STRATA_TOO_SMALL says that nothing was written and the outputs say
 * what is needed. Then nothing has run, unless sizes depend on data: use strata_run_owned there
 * (models with states and such sizes are refused here). */
STRATA_API strata_status strata_run(strata_session* session, const strata_tensor* inputs,
                                    size_t input_count, strata_tensor* outputs,
                                    size_t output_count);
/* The same with arrays that belong to the result. */
STRATA_API strata_status strata_run_owned(strata_session* session, const strata_tensor* inputs,
                                          size_t input_count, strata_result** result);
/* An output of it; `data` lives as long as the result. */
STRATA_API strata_status strata_result_output(const strata_result* result, size_t index,
                                              strata_tensor* tensor);
/* Null is fine. */
STRATA_API void strata_result_free(strata_result* result);

/* The model's states back to their initial values. */
STRATA_API strata_status strata_reset(strata_session* session);

#ifdef __cplusplus
}
#endif

#endif
