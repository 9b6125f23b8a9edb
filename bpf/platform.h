/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the shared headers need from where they are compiled: the kernel's types and helpers in BPF,
 * the C library in user space. Everything else in the shared headers is the same code in both.
 */
#ifndef BPF_PLATFORM_H_
#define BPF_PLATFORM_H_

#ifdef __bpf__

#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* A function that the verifier looks at once, alone, instead of at every call. */
#define CAPTURE_FUNCTION __attribute__((noinline))
#define CAPTURE_UNROLL _Pragma("clang loop unroll(full)")
#define capture_ntohs(value) bpf_ntohs(value)
#define capture_ntohl(value) bpf_ntohl(value)

/* The verifier allows unaligned loads where the machine does (x86-64, arm64). */
static __always_inline __u64 load64(const void *from)
{
	return *(const __u64 *)from;
}

static __always_inline __u32 load32(const void *from)
{
	return *(const __u32 *)from;
}

static __always_inline __u16 load16(const void *from)
{
	return *(const __u16 *)from;
}

static __always_inline void store64(void *to, __u64 value)
{
	*(__u64 *)to = value;
}

#else

#include <arpa/inet.h>
#include <linux/types.h>
#include <string.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#define CAPTURE_FUNCTION static inline
#define CAPTURE_UNROLL
#define capture_ntohs(value) ntohs(value)
#define capture_ntohl(value) ntohl(value)

static __always_inline __u64 load64(const void *from)
{
	__u64 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static __always_inline __u32 load32(const void *from)
{
	__u32 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static __always_inline __u16 load16(const void *from)
{
	__u16 value;

	memcpy(&value, from, sizeof(value));
	return value;
}

static __always_inline void store64(void *to, __u64 value)
{
	memcpy(to, &value, sizeof(value));
}

#endif

#endif /* BPF_PLATFORM_H_ */
