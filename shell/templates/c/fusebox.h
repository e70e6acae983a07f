/* ABI 1 of Fusebox for C: SQL functions over columns, without a library.
 *
 * The rustdoc of `udf-sdk/abi` is the specification. One file of a module has the line
 * FUSEBOX_MODULE; all others only include this header. It needs clang for wasm32, with or
 * without a C library. */
#ifndef FUSEBOX_H
#define FUSEBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUSEBOX_EXPORT(name) __attribute__((export_name(name)))
#define FUSEBOX_IMPORT(name) __attribute__((import_module("fusebox"), import_name(name)))

/* ---- Structs of the ABI ------------------------------------------------------------- */

/* A column, as in the Arrow C Data Interface. No ArrowSchema is passed: the SQL signature
 * states the types. */
#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
struct ArrowArray {
  int64_t length, null_count, offset, n_buffers, n_children;
  const void **buffers;
  struct ArrowArray **children, *dictionary;
  void (*release)(struct ArrowArray *);
  void *private_data;
};
#endif
_Static_assert(sizeof(struct ArrowArray) == 64, "the layout of wasm32");

/* A failure, written in place of a result. */
struct fusebox_failure {
  int64_t row; /* -1 for no particular row */
  const char *message;
  uint32_t message_len;
};
_Static_assert(sizeof(struct fusebox_failure) == 16, "the layout of wasm32");

enum fusebox_status { FUSEBOX_OK = 0, FUSEBOX_FAILURE = 1 };

/* ---- Imports, all optional ---------------------------------------------------------- */

FUSEBOX_IMPORT("row_begin") void fusebox_row_begin(uint32_t row);
FUSEBOX_IMPORT("row_end") void fusebox_row_end(uint32_t bytes);
FUSEBOX_IMPORT("row_pause") void fusebox_row_pause(uint32_t bytes);
FUSEBOX_IMPORT("row_resume") void fusebox_row_resume(void);
FUSEBOX_IMPORT("row_group_begin") void fusebox_row_group_begin(uint32_t row);
FUSEBOX_IMPORT("metering_mode") uint32_t fusebox_metering_mode(void);
FUSEBOX_IMPORT("has_fuel") uint32_t fusebox_has_fuel(void);
FUSEBOX_IMPORT("log") void fusebox_log(const char *message, uint32_t length);

/* ---- Memory ------------------------------------------------------------------------- */

/* A bump allocator. The arena of the arguments comes first, then results and scratch
 * buffers, which the next call of a column function frees. */
struct fusebox_heap {
  uintptr_t base;  /* the region begins here */
  uintptr_t floor; /* all from here on is freed by the next call */
  uintptr_t next;  /* all from here on is free */
  uintptr_t end;   /* the region ends here */
  void *latest;    /* the latest block of malloc, unless it was freed */
};
extern struct fusebox_heap fusebox_heap;
extern unsigned char __heap_base;

#define FUSEBOX_PAGE_BYTES 65536

/* Adds memory for a block, after the region if the pages there are free. Other allocators
 * grow the memory too: then a new region begins. */
static inline bool fusebox_grow(size_t bytes) {
  struct fusebox_heap *heap = &fusebox_heap;
  uint64_t pages = ((uint64_t)bytes + FUSEBOX_PAGE_BYTES - 1) / FUSEBOX_PAGE_BYTES;
  size_t old = pages > UINT16_MAX ? SIZE_MAX : __builtin_wasm_memory_grow(0, (size_t)pages);
  if (old == SIZE_MAX) return false;
  uintptr_t start = old * FUSEBOX_PAGE_BYTES;
  if (start != heap->end) heap->base = heap->floor = heap->next = start;
  heap->end = start + (uintptr_t)pages * FUSEBOX_PAGE_BYTES;
  return true;
}

/* Takes a block; returns a null pointer if there is no memory. */
static inline void *fusebox_try_take(size_t bytes, size_t alignment) {
  struct fusebox_heap *heap = &fusebox_heap;
#ifndef __wasi__ /* else the C library has the rest of the last initial page */
  if (heap->end == 0) {
    heap->base = heap->floor = heap->next = (uintptr_t)&__heap_base;
    heap->end = (heap->next + FUSEBOX_PAGE_BYTES - 1) & ~(uintptr_t)(FUSEBOX_PAGE_BYTES - 1);
  }
#endif
  if (bytes == 0) bytes = 1;
  uintptr_t at = (heap->next + alignment - 1) & ~(alignment - 1);
  if (at > heap->end || bytes > heap->end - at) {
    if (bytes > INT32_MAX || !fusebox_grow(bytes + alignment)) return 0;
    at = (heap->next + alignment - 1) & ~(alignment - 1);
  }
  heap->next = at + bytes;
  return (void *)at;
}

/* Takes a block that lives until the next call; traps if there is no memory. */
static inline void *fusebox_take(size_t bytes) {
  void *block = fusebox_try_take(bytes, 16);
  if (!block) __builtin_trap();
  return block;
}

/* Defines the exports that every module has, and the allocator. */
#define FUSEBOX_MODULE                                                            \
  struct fusebox_heap fusebox_heap;                                               \
  FUSEBOX_EXPORT("fusebox_abi_1") void fusebox_abi_1(void) {}                     \
  FUSEBOX_EXPORT("fusebox_alloc") void *fusebox_alloc(uint32_t bytes) {           \
    fusebox_heap.next = fusebox_heap.base;                                        \
    void *arena = fusebox_try_take(bytes, 64);                                    \
    fusebox_heap.floor = fusebox_heap.next;                                       \
    return arena;                                                                 \
  }                                                                               \
  _Static_assert(sizeof(void *) == 4, "wasm32")

/* Defines and exports `malloc` and `free` for plain functions over text, in a module without
 * a C library. Only the latest block can be freed, as the host frees the result of a row. */
#define FUSEBOX_MALLOC                                                            \
  FUSEBOX_EXPORT("malloc") void *malloc(size_t bytes) {                           \
    return fusebox_heap.latest = fusebox_try_take(bytes, 16);                     \
  }                                                                               \
  FUSEBOX_EXPORT("free") void free(void *block) {                                 \
    if (!block || block != fusebox_heap.latest) return;                           \
    fusebox_heap.next = (uintptr_t)block;                                         \
    fusebox_heap.latest = 0;                                                      \
  }                                                                               \
  _Static_assert(sizeof(size_t) == 4, "wasm32")

/* ---- Declarations ------------------------------------------------------------------- */

/* Adds one SQL statement, a string literal that ends with `;`, to the custom section
 * `fusebox.functions`. An attribute `section` would add it to the data instead. */
#define FUSEBOX_DECLARE(sql)                                                      \
  __asm__(".section .custom_section.fusebox.functions,\"\",@\n"                   \
          ".ascii " #sql "\n.ascii \"\\n\"\n")

/* ---- Argument columns --------------------------------------------------------------- */

struct fusebox_text {
  const char *data;
  uint32_t length;
};

/* An argument column. A constant has one row, which is the value of every row. */
struct fusebox_column {
  const uint8_t *validity; /* a null pointer if no row is null */
  const void *values;      /* the offsets of text */
  const char *data;        /* the bytes of text */
  uint32_t mask;           /* 0 for a constant */
};

static inline struct fusebox_column fusebox_argument(const struct ArrowArray *args, int index) {
  const struct ArrowArray *array = &args[index];
  struct fusebox_column column = {array->buffers[0], array->buffers[1], 0, 0};
  if (array->n_buffers == 3) column.data = array->buffers[2];
  if (array->length != 1) column.mask = UINT32_MAX;
  return column;
}

static inline bool fusebox_is_null(const struct fusebox_column *column, uint32_t row) {
  row &= column->mask;
  return column->validity && !(column->validity[row >> 3] >> (row & 7) & 1);
}

#define FUSEBOX_READER(suffix, type)                                                          \
  static inline type fusebox_##suffix(const struct fusebox_column *column, uint32_t row) {    \
    return ((const type *)column->values)[row & column->mask];                                \
  }
FUSEBOX_READER(i32, int32_t)
FUSEBOX_READER(i64, int64_t)
FUSEBOX_READER(f32, float)
FUSEBOX_READER(f64, double)

static inline bool fusebox_bool(const struct fusebox_column *column, uint32_t row) {
  row &= column->mask;
  return ((const uint8_t *)column->values)[row >> 3] >> (row & 7) & 1;
}

static inline struct fusebox_text fusebox_text(const struct fusebox_column *column, uint32_t row) {
  const uint32_t *offsets = (const uint32_t *)column->values + (row & column->mask);
  struct fusebox_text text = {column->data + offsets[0], offsets[1] - offsets[0]};
  return text;
}

/* ---- The result column -------------------------------------------------------------- */

/* A result column. Every row is written once, in ascending order if it is text. */
struct fusebox_result {
  const void *buffers[3];
  uint8_t *validity;
  void *values; /* the offsets of text */
  char *data;
  uint32_t data_capacity;
  uintptr_t mark; /* all from here on is scratch memory of a row */
};

/* Begins a result of so many rows, none of which is null yet. */
static inline struct fusebox_result *fusebox_begin(struct ArrowArray *array, uint32_t rows,
                                                   size_t row_bytes, int64_t n_buffers) {
  fusebox_heap.next = fusebox_heap.floor;
  struct fusebox_result *result = fusebox_take(sizeof *result);
  size_t bitmap_bytes = ((size_t)rows + 7) / 8;
  result->validity = fusebox_take(bitmap_bytes);
  __builtin_memset(result->validity, 0xff, bitmap_bytes);
  if (((uint64_t)rows + 1) * row_bytes > INT32_MAX) __builtin_trap();
  result->values = fusebox_take(((size_t)rows + 1) * row_bytes);
  result->data = 0;
  result->data_capacity = 0;
  result->buffers[0] = result->validity;
  result->buffers[1] = result->values;
  result->buffers[2] = 0;
  result->mark = fusebox_heap.next;
  array->length = rows;
  array->n_buffers = n_buffers;
  array->buffers = result->buffers;
  return result;
}

#define FUSEBOX_WRITER(suffix, type)                                                          \
  static inline struct fusebox_result *fusebox_begin_##suffix(struct ArrowArray *array,       \
                                                              uint32_t rows) {                \
    return fusebox_begin(array, rows, sizeof(type), 2);                                       \
  }                                                                                           \
  static inline void fusebox_put_##suffix(struct fusebox_result *result, uint32_t row,        \
                                          type value) {                                       \
    ((type *)result->values)[row] = value;                                                    \
  }                                                                                           \
  static inline void fusebox_put_null_##suffix(struct fusebox_result *result, uint32_t row) { \
    result->validity[row >> 3] &= (uint8_t)~(1 << (row & 7));                                 \
    ((type *)result->values)[row] = 0;                                                        \
  }                                                                                           \
  static inline uint32_t fusebox_bytes_##suffix(type value) { return (void)value, 0; }
FUSEBOX_WRITER(i32, int32_t)
FUSEBOX_WRITER(i64, int64_t)
FUSEBOX_WRITER(f32, float)
FUSEBOX_WRITER(f64, double)

static inline struct fusebox_result *fusebox_begin_text(struct ArrowArray *array, uint32_t rows) {
  struct fusebox_result *result = fusebox_begin(array, rows, sizeof(uint32_t), 3);
  ((uint32_t *)result->values)[0] = 0;
  return result;
}

/* Appends the text of a row, then frees the scratch memory that the row took. */
static inline void fusebox_put_text(struct fusebox_result *result, uint32_t row,
                                    struct fusebox_text text) {
  uint32_t *offsets = result->values;
  uint32_t start = offsets[row];
  if (text.length > INT32_MAX - start) __builtin_trap();
  uint32_t end = start + text.length;
  if (end > result->data_capacity) {
    uint32_t capacity = end < 512 ? 1024 : end < INT32_MAX / 2 ? end * 2 : INT32_MAX;
    char *data = fusebox_take(capacity);
    if (start) __builtin_memcpy(data, result->data, start);
    result->buffers[2] = result->data = data;
    result->data_capacity = capacity;
    result->mark = fusebox_heap.next;
  }
  if (text.length) __builtin_memcpy(result->data + start, text.data, text.length);
  offsets[row + 1] = end;
  if (result->mark >= fusebox_heap.floor) fusebox_heap.next = result->mark;
}

static inline void fusebox_put_null_text(struct fusebox_result *result, uint32_t row) {
  uint32_t *offsets = result->values;
  result->validity[row >> 3] &= (uint8_t)~(1 << (row & 7));
  offsets[row + 1] = offsets[row];
}

static inline uint32_t fusebox_bytes_text(struct fusebox_text text) { return text.length; }

/* Ends a call with an error: `return fusebox_fail(result, row, "the reason")`. */
static inline uint32_t fusebox_fail(struct ArrowArray *result, int64_t row, const char *message) {
  struct fusebox_failure *failure = (struct fusebox_failure *)result;
  uint32_t length = 0;
  while (message[length]) length++;
  failure->row = row;
  failure->message = message;
  failure->message_len = length;
  return FUSEBOX_FAILURE;
}

/* ---- Functions ---------------------------------------------------------------------- */

/* Exports a column function; its body follows, with `args`, `rows` and `result`. */
#define FUSEBOX_COLUMNS(name)                                                                 \
  FUSEBOX_EXPORT("fusebox_udf_" #name)                                                        \
  uint32_t fusebox_udf_##name(const struct ArrowArray *args, uint32_t rows,                   \
                              struct ArrowArray *result)

typedef int32_t fusebox_type_i32;
typedef int64_t fusebox_type_i64;
typedef float fusebox_type_f32;
typedef double fusebox_type_f64;
typedef struct fusebox_text fusebox_type_text;

/* Export the column function of a STRICT function of one row; its body follows:
 *
 *   FUSEBOX_SCALAR_2(f64, area, f64, width, f64, height) { return width * height; }
 *
 * The types are i32, i64, f32, f64 and text. Each row has the fuel of a row, and is in
 * errors. A row may take scratch memory with fusebox_take. */
#define FUSEBOX_SCALAR_1(R, name, A, a)                                                       \
  FUSEBOX_SCALAR(R, name, (fusebox_type_##A a), (uint32_t row, fusebox_type_##A a), (a),      \
                 struct fusebox_column c0 = fusebox_argument(args, 0),                        \
                 fusebox_is_null(&c0, i), (fusebox_##A(&c0, i)), (i, fusebox_##A(&c0, i)))
#define FUSEBOX_SCALAR_2(R, name, A, a, B, b)                                                 \
  FUSEBOX_SCALAR(R, name, (fusebox_type_##A a, fusebox_type_##B b),                           \
                 (uint32_t row, fusebox_type_##A a, fusebox_type_##B b), (a, b),              \
                 struct fusebox_column c0 = fusebox_argument(args, 0);                        \
                 struct fusebox_column c1 = fusebox_argument(args, 1),                        \
                 fusebox_is_null(&c0, i) || fusebox_is_null(&c1, i),                          \
                 (fusebox_##A(&c0, i), fusebox_##B(&c1, i)),                                  \
                 (i, fusebox_##A(&c0, i), fusebox_##B(&c1, i)))
#define FUSEBOX_SCALAR_3(R, name, A, a, B, b, C, c)                                           \
  FUSEBOX_SCALAR(R, name, (fusebox_type_##A a, fusebox_type_##B b, fusebox_type_##C c),       \
                 (uint32_t row, fusebox_type_##A a, fusebox_type_##B b, fusebox_type_##C c),  \
                 (a, b, c), struct fusebox_column c0 = fusebox_argument(args, 0);             \
                 struct fusebox_column c1 = fusebox_argument(args, 1);                        \
                 struct fusebox_column c2 = fusebox_argument(args, 2),                        \
                 fusebox_is_null(&c0, i) || fusebox_is_null(&c1, i) || fusebox_is_null(&c2, i), \
                 (fusebox_##A(&c0, i), fusebox_##B(&c1, i), fusebox_##C(&c2, i)),             \
                 (i, fusebox_##A(&c0, i), fusebox_##B(&c1, i), fusebox_##C(&c2, i)))

#define FUSEBOX_SCALAR(R, name, typed, row_typed, names, columns, is_null, values, row_values) \
  static inline fusebox_type_##R name##_of_row typed;                                         \
  __attribute__((noinline)) static fusebox_type_##R name##_metered row_typed {                \
    fusebox_row_begin(row);                                                                   \
    fusebox_type_##R value = name##_of_row names;                                             \
    fusebox_row_end(fusebox_bytes_##R(value));                                                \
    return value;                                                                             \
  }                                                                                           \
  FUSEBOX_COLUMNS(name) {                                                                     \
    columns;                                                                                  \
    struct fusebox_result *out = fusebox_begin_##R(result, rows);                             \
    bool is_bounded = fusebox_metering_mode() != 0;                                           \
    for (uint32_t i = 0; i < rows; i++) {                                                     \
      if (is_null) fusebox_put_null_##R(out, i);                                              \
      else if (is_bounded) fusebox_put_##R(out, i, name##_of_row values);                     \
      else fusebox_put_##R(out, i, name##_metered row_values);                                \
    }                                                                                         \
    return FUSEBOX_OK;                                                                        \
  }                                                                                           \
  static inline fusebox_type_##R name##_of_row typed

#endif
