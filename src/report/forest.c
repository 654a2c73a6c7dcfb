#include "report/forest.h"

#include "base/alloc.h"
#include "base/error.h"

/* The parent of a latent of member ≥ 1, or −1. */
static int64_t parent_of(const sae_family *f, size_t member, int64_t latent)
{
    const sae_comparison *c = f->neighbours[member - 1];
    return c->large_in_small[latent] >= f->threshold ? c->argmax[latent] : -1;
}

void sae_forest_clear(sae_forest *forest)
{
    sae_free(forest->first);
    sae_free(forest->descendants);
    sae_free(forest->children);
    sae_free(forest->fates);
    *forest = (sae_forest){0};
}

static void count(sae_forest *forest)
{
    const sae_family *f = forest->family;
    for (size_t m = f->n_members; m-- > 0;)
        for (int64_t i = 0; i < f->members[m].n; i++) {
            int64_t here = forest->first[m] + i, parent = m > 0 ? parent_of(f, m, i) : -1;
            if (m + 1 == f->n_members) {
                forest->descendants[here] = 1;
            } else {
                sae_forest_fate *fate = &forest->fates[m];
                *(forest->children[here] == 0   ? &fate->none
                  : forest->children[here] == 1 ? &fate->one
                                                : &fate->split) += 1;
            }
            if (parent < 0) continue;
            forest->descendants[forest->first[m - 1] + parent] += forest->descendants[here];
            forest->children[forest->first[m - 1] + parent]++;
        }
}

sae_status sae_forest_make(sae_forest *forest, const sae_family *family, sae_error *err)
{
    size_t total = 0;
    *forest = (sae_forest){.family = family,
                           .first = sae_calloc(family->n_members + 1, sizeof *forest->first),
                           .fates = sae_calloc(family->n_members, sizeof *forest->fates)};
    for (size_t m = 0; forest->first && m < family->n_members; m++) {
        total += (size_t)family->members[m].n;
        forest->first[m + 1] = (int64_t)total;
    }
    forest->descendants = sae_calloc(total, sizeof *forest->descendants);
    forest->children = sae_calloc(total, sizeof *forest->children);
    if (!forest->first || !forest->fates || !forest->descendants || !forest->children) {
        sae_forest_clear(forest);
        return sae_fail_memory(err, "a tree of latents", total * 2 * sizeof(int64_t));
    }
    count(forest);
    return SAE_OK;
}

int sae_forest_roots(const sae_forest *forest, int most, int64_t *roots)
{
    int n = 0;
    for (int64_t i = 0; i < forest->family->members[0].n; i++) {
        if (forest->descendants[i] < 2) continue;
        if (n == most && forest->descendants[roots[n - 1]] >= forest->descendants[i]) continue;
        int at = n < most ? n++ : n - 1;
        for (; at > 0 && forest->descendants[roots[at - 1]] < forest->descendants[i]; at--) roots[at] = roots[at - 1];
        roots[at] = i;
    }
    return n;
}

/* ---- one tree ------------------------------------------------------------------------------------------------ */

/* The next child of a latent from `from` on, or −1. */
static int64_t next_child(const sae_family *f, size_t member, int64_t parent, int64_t from)
{
    if (member + 1 == f->n_members) return -1;
    for (int64_t i = from; i < f->members[member + 1].n; i++)
        if (parent_of(f, member + 1, i) == parent) return i;
    return -1;
}

static int add_node(sae_forest_tree *tree, int64_t latent, int member, int parent)
{
    tree->nodes[tree->count] = (sae_forest_node){.latent = latent, .member = member, .parent = parent, .first = -1};
    return tree->count++;
}

void sae_forest_tree_make(sae_forest_tree *tree, const sae_family *family, int64_t root)
{
    tree->count = tree->leaves = 0;
    for (int here = add_node(tree, root, 0, -1); here >= 0;) {
        sae_forest_node *n = &tree->nodes[here];
        int64_t child =
            tree->leaves < SAE_FOREST_LEAVES ? next_child(family, (size_t)n->member, n->latent, n->next) : -1;
        if (child >= 0) {
            n->next = child + 1;
            n->inner = true;
            here = add_node(tree, child, n->member + 1, here);
            continue;
        }
        if (!n->inner) n->first = n->last = tree->leaves++;
        here = n->parent;
        if (here < 0) break;
        if (tree->nodes[here].first < 0) tree->nodes[here].first = n->first;
        tree->nodes[here].last = n->last;
    }
}
