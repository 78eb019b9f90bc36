#include "mail/html_tree.h"

static void *tree_alloc(void *arena, size_t n) {
    return arena_alloc(arena, n);
}

/* gumbo's own way of freeing recurses. */
static void tree_free(void *arena, void *p) {
    (void)arena;
    (void)p;
}

const GumboNode *html_tree(struct span html, struct arena *arena) {
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = tree_alloc;
    options.deallocator = tree_free;
    options.userdata = arena;
    options.max_errors = 0;
    return gumbo_parse_with_options(&options, (const char *)html.p, html.n)->root;
}

struct span html_attribute(const GumboNode *node, const char *name) {
    const GumboAttribute *a = gumbo_get_attribute(&node->v.element.attributes, name);
    return a ? span_cstr(a->value) : SPAN_NONE;
}

bool html_is_element(const GumboNode *node) {
    return node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE;
}
