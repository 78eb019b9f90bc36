/* gen_no_fields.h - for a pass over a table that is about its operations or messages as a whole: fields are nothing. Undefined
 * again by gen_undef.h. No include guard: one per pass. */
#define U8(name)
#define U16(name)
#define U32(name)
#define U64(name)
#define I64(name)
#define BOOL(name)
#define FIXED(name, n)
#define BYTES(name, max)
#define TEXT(name, max)
#define LIST(name, max_count, max_each)
#define PAYLOAD(name, max)
#define END(service, op, dir)
