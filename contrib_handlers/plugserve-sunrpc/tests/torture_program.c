/* Reads a packed `torture`, says what is in it, packs it again with libtirpc: text on stderr, bytes on stdout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "torture.h"

static void show(const char *name, const scalars *s)
{
    /* libtirpc leaves the sign of a long out where that has 64 bits. */
    fprintf(stderr, "%s %d %u %lld %llu %.9g %.17g %d %d %d %d %d %d %d %lu %u\n", name, s->i, s->u,
            (long long)s->h, (unsigned long long)s->uh, s->f, s->d, s->b, s->c, s->ch, s->uc, s->s, s->us,
            (int)s->l, (unsigned long)s->ul, s->alone);
}

int main(void)
{
    static char input[1 << 20], output[1 << 20];
    size_t size = fread(input, 1, sizeof input, stdin);
    torture value;
    XDR in, out;
    node *item;

    memset(&value, 0, sizeof value);
    xdrmem_create(&in, input, size, XDR_DECODE);
    if (!xdr_torture(&in, &value)) {
        fprintf(stderr, "not decoded\n");
        return 1;
    }
    if (xdr_getpos(&in) != size) {
        fprintf(stderr, "%u of %zu bytes decoded\n", xdr_getpos(&in), size);
        return 1;
    }
    show("all", &value.all);
    show("both", &value.many.both[1]);
    fprintf(stderr, "list");
    for (item = value.list; item; item = item->next)
        fprintf(stderr, " %d", item->number);
    fprintf(stderr, "\n");
    xdrmem_create(&out, output, sizeof output, XDR_ENCODE);
    if (!xdr_torture(&out, &value)) {
        fprintf(stderr, "not encoded\n");
        return 1;
    }
    fwrite(output, 1, xdr_getpos(&out), stdout);
    return 0;
}
