/* Status codes and error text: how every fallible function of libsae reports. */
#ifndef SAE_STATUS_H
#define SAE_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define SAE_API                 __attribute__((visibility("default")))
#define SAE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define SAE_API
#define SAE_PRINTF(text, first)
#endif

typedef enum sae_status {
    SAE_OK = 0,
    SAE_E_ARG,         /* an argument or option is wrong: the caller can mend it (exit status 2) */
    SAE_E_IO,          /* the system refused: missing file, full disk, no permission */
    SAE_E_FORMAT,      /* a file is not what it claims to be, or is damaged */
    SAE_E_SHAPE,       /* two things that must fit together do not */
    SAE_E_VALUE,       /* NaN or Inf, or a value out of its range, in data */
    SAE_E_MEMORY,      /* out of memory, or a size that overflows */
    SAE_E_UNSUPPORTED, /* a known kind of thing that this build does not handle */
    SAE_E_EXISTS,      /* the output is already there */
    SAE_E_INTERRUPTED  /* stopped on request; what was done is saved where the message says */
} sae_status;

/* One sentence for a person: it names the file, the tensor, the values and, where there is one, the
 * way out. Passed by the caller (NULL is allowed everywhere), so that threads never share one. */
typedef struct sae_error {
    sae_status status;
    char message[768];
} sae_error;

/* Fills err with a formatted sentence and returns `status`, as every function of the library does: for programs and
 * callbacks that report in the same way. `return sae_fail(err, SAE_E_SHAPE, "...", ...);` and
 * `status = sae_fail(...); goto done;` both read well. */
SAE_API sae_status sae_fail(sae_error *err, sae_status status, const char *format, ...) SAE_PRINTF(3, 4);

/* A short name such as "wrong argument"; never NULL. */
SAE_API const char *sae_status_name(sae_status status);

/* The version of this library, "MAJOR.MINOR.PATCH". */
SAE_API const char *sae_version(void);

#ifdef __cplusplus
}
#endif
#endif
