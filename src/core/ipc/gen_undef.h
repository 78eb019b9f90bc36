/* gen_undef.h - ends one pass over a table. */
#undef OP
#undef MESSAGE
#undef U8
#undef U16
#undef U32
#undef U64
#undef I64
#undef BOOL
#undef FIXED
#undef BYTES
#undef TEXT
#undef LIST
#undef PAYLOAD
#undef END
