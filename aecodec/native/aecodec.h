/* What the parts of the native library share. Python checks every shape and range before it calls. */

#ifndef AECODEC_H
#define AECODEC_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* What functions return; native/__init__.py knows the same numbers. */
enum { DONE = 0, NO_MEMORY = -1, TRUNCATED = -2, OUT_OF_RANGE = -3, BAD_CLASS = -4, SKIPPED = -5 };

#endif
