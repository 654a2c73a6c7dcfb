/* SHA-256 and base64 against the vectors of their standards. */
#include "testing.h"

#include "base/base64.h"
#include "base/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_digest(const void *data, size_t length, const char *wanted)
{
    unsigned char digest[SAE_SHA256_BYTES];
    char hex[2 * SAE_SHA256_BYTES + 1];
    sae_sha256(data, length, digest);
    for (int i = 0; i < SAE_SHA256_BYTES; i++) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, wanted);
}

/* FIPS 180-4's examples, and lengths around the end of a block (from Python's hashlib). */
static void sha256(void **state)
{
    (void)state;
    assert_digest("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    char *many = malloc(1000000);
    memset(many, 'a', 1000000);
    assert_digest(many, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    assert_digest(many, 55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
    assert_digest(many, 63, "7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34");
    assert_digest(many, 64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
    assert_digest(many, 65, "635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0");
    free(many);
}

/* RFC 4648, section 10. */
static void base64(void **state)
{
    (void)state;
    static const char *const wanted[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    char out[16];
    for (size_t length = 0; length <= 6; length++) {
        sae_base64("foobar", length, out);
        assert_string_equal(out, wanted[length]);
        assert_int_equal(strlen(out), SAE_BASE64_LENGTH(length));
    }
    sae_base64("\xfb\xff\xfe", 3, out);
    assert_string_equal(out, "+//+");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256), cmocka_unit_test(base64)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
