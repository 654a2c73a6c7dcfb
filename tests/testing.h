/* cmocka needs these headers first, in this order. */
#ifndef SAE_TESTS_TESTING_H
#define SAE_TESTS_TESTING_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#endif
