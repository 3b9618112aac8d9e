// OTTLA_EXPORT marks what the shared library shows; the rest of it is built hidden.
#pragma once

#if defined(__GNUC__)
#define OTTLA_EXPORT __attribute__((visibility("default")))
#else
#define OTTLA_EXPORT
#endif
