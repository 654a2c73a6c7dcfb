/* The arithmetic of chunks and groups, for many sizes. */
#include "testing.h"

#include "base/alloc.h"
#include "data/source_order.h"

static void groups_divide_the_chunks(void **state)
{
    (void)state;
    for (int64_t chunks = 1; chunks <= 130; chunks++)
        for (int64_t group_chunks = 1; group_chunks <= chunks; group_chunks++) {
            sae_order order;
            int64_t *usable = sae_calloc((size_t)chunks, sizeof *usable);
            for (int64_t i = 0; i < chunks; i++) usable[i] = i % 3;
            assert_int_equal(sae_order_init(&order, usable, chunks, 0.1, group_chunks, 1, true, NULL), SAE_OK);
            assert_int_equal(order.groups, (order.train.count + group_chunks - 1) / group_chunks);
            assert_int_equal(sae_order_group_begin(&order, 0), 0);
            assert_int_equal(sae_order_group_begin(&order, order.groups), order.train.count);
            for (int64_t g = 0; g < order.groups; g++) {
                int64_t begin = sae_order_group_begin(&order, g), end = sae_order_group_begin(&order, g + 1);
                assert_true(end > begin && end - begin <= group_chunks);
                assert_true(end - begin >= order.train.count / order.groups); /* of about equal size */
                for (int64_t i = begin; i < end; i++) assert_int_equal(sae_order_group_of(&order, i), g);
            }
            sae_order_clear(&order);
        }
}

static void held_out_chunks_are_counted_in_whole_numbers(void **state)
{
    static const double shares[] = {0, 1e-9, 0.01, 0.1, 1.0 / 3, 0.5};
    (void)state;
    for (int64_t chunks = 1; chunks <= 1000; chunks++)
        for (int s = 0; s < 6; s++) {
            sae_order order;
            int64_t *usable = sae_calloc((size_t)chunks, sizeof *usable);
            assert_int_equal(sae_order_init(&order, usable, chunks, shares[s], 1, 1, true, NULL), SAE_OK);
            double exact = (double)chunks * shares[s];
            int64_t held = order.held_out.count;
            assert_int_equal(held + order.train.count, chunks);
            if (shares[s] == 0 || chunks == 1)
                assert_true(held == 0 || exact >= 0.5);
            else
                assert_true(held >= 1 && (held == 1 || ((double)held >= exact - 0.5 && (double)held <= exact + 0.5)));
            for (int64_t i = 1; i < held; i++) {
                int64_t gap = order.held_out.chunks[i] - order.held_out.chunks[i - 1];
                assert_true(gap == chunks / held || gap == chunks / held + 1);
            }
            sae_order_clear(&order);
        }
}

/* Chunks without usable rows are passed over when a row is looked up. */
static void rows_are_found(void **state)
{
    (void)state;
    sae_order order;
    int64_t *usable = sae_calloc(7, sizeof *usable);
    const int64_t counts[7] = {0, 3, 0, 0, 2, 1, 0}, want[6] = {1, 1, 1, 4, 4, 5};
    for (int i = 0; i < 7; i++) usable[i] = counts[i];
    assert_int_equal(sae_order_init(&order, usable, 7, 0, 7, 1, false, NULL), SAE_OK);
    sae_order_set_epoch(&order, 3);
    for (int i = 0; i < 6; i++) assert_int_equal(order.train.chunks[sae_chunk_list_find(&order.train, i)], want[i]);
    sae_order_clear(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_divide_the_chunks),
        cmocka_unit_test(held_out_chunks_are_counted_in_whole_numbers),
        cmocka_unit_test(rows_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
