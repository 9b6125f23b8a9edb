/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What a signature is, for the kernel and for user space alike.
 *
 * Over the payload bytes b of a stream, d[i] = b[i] ^ b[i-4] cancels a repeating 4-byte mask, so
 * that masked and unmasked WebSocket legs agree. An anchor is where a keyed multiply-mix of
 * d[i..i+7] is small: content, not position, decides (as in LBFS and EndRE), so cutting does not
 * matter. The signature is a keyed hash of d[i..i+W-1].
 *
 * Functions take a pointer to raw bytes `b` at the place where the window's first difference needs
 * its older byte: the window [i, i+W) of d is the raw bytes [i-4, i+W) of b.
 */
#ifndef BPF_SIGNATURE_H_
#define BPF_SIGNATURE_H_

#include "capture_abi.h"
#include "capture_layout.h"
#include "platform.h"

/* Distance of the bytes that are compared: the length of a WebSocket mask. */
#define DIFFERENCE_BYTES 4
#define ANCHOR_BYTES 8
/* A window with so few distinct values or fewer says nothing: a tone, silence, a fill pattern. */
#define DISTINCT_GATE 8

#define XXH64_PRIME_1 0x9e3779b185ebca87ULL
#define XXH64_PRIME_2 0xc2b2ae3d27d4eb4fULL
#define XXH64_PRIME_3 0x165667b19e3779f9ULL
#define XXH64_PRIME_4 0x85ebca77c2b2ae63ULL
#define XXH64_PRIME_5 0x27d4eb2f165667c5ULL

/* Sets RTP payload signatures apart from content signatures of the same bytes. */
#define RTP_PAYLOAD_SEED 0x52545020706c6479ULL

static __always_inline __u64 difference64(const __u8 *b)
{
	return load64(b + DIFFERENCE_BYTES) ^ load64(b);
}

static __always_inline __u32 difference32(const __u8 *b)
{
	return load32(b + DIFFERENCE_BYTES) ^ load32(b);
}

static __always_inline __u8 difference8(const __u8 *b)
{
	return b[DIFFERENCE_BYTES] ^ b[0];
}

/* An anchor is where this is below 2^(64 - rate_bits): its high bits hang on all eight bytes. */
static __always_inline __u64 anchor_mix(__u64 difference, __u64 anchor_key)
{
	return (difference ^ anchor_key) * CAPTURE_ANCHOR_MULTIPLIER;
}

/* Eight equal bytes: inside a tone or silence of any codec. */
static __always_inline int anchor_is_flat(__u64 difference)
{
	return difference == ((difference << 8) | (difference >> 56));
}

static __always_inline __u64 rotate_left64(__u64 value, __u32 by)
{
	return (value << by) | (value >> (64 - by));
}

static __always_inline __u64 xxh64_round(__u64 accumulator, __u64 lane)
{
	return rotate_left64(accumulator + lane * XXH64_PRIME_2, 31) * XXH64_PRIME_1;
}

static __always_inline __u64 xxh64_merge(__u64 hash, __u64 accumulator)
{
	return (hash ^ xxh64_round(0, accumulator)) * XXH64_PRIME_1 + XXH64_PRIME_4;
}

static __always_inline __u64 xxh64_avalanche(__u64 hash)
{
	hash ^= hash >> 33;
	hash *= XXH64_PRIME_2;
	hash ^= hash >> 29;
	hash *= XXH64_PRIME_3;
	return hash ^ (hash >> 32);
}

/* The bytes as they are hashed: of the difference stream, or plain. */
static __always_inline __u64 lane64(const __u8 *b, int is_difference)
{
	return is_difference ? difference64(b) : load64(b);
}

static __always_inline __u32 lane32(const __u8 *b, int is_difference)
{
	return is_difference ? difference32(b) : load32(b);
}

static __always_inline __u8 lane8(const __u8 *b, int is_difference)
{
	return is_difference ? difference8(b) : b[0];
}

/*
 * XXH64 (the xxHash specification, version 0.1.1) of `bytes` bytes, at most `bytes_max`, which must
 * be a constant so that the verifier can count the loop.
 */
static __always_inline __u64 xxh64(const __u8 *b, __u32 bytes, const __u32 bytes_max, __u64 seed,
				   const int is_difference)
{
	__u64 accumulator1 = seed + XXH64_PRIME_1 + XXH64_PRIME_2;
	__u64 accumulator2 = seed + XXH64_PRIME_2;
	__u64 accumulator3 = seed;
	__u64 accumulator4 = seed - XXH64_PRIME_1;
	__u32 whole_bytes, at = 0, i;
	__u64 hash;

	if (bytes > bytes_max)
		bytes = bytes_max;
	/* Not counted up: the verifier's states after the loop are then all the same one. */
	whole_bytes = bytes & ~31U;
	for (i = 0; i < bytes_max / 32; i++) {
		if (at >= whole_bytes)
			break;
		accumulator1 = xxh64_round(accumulator1, lane64(b + at, is_difference));
		accumulator2 = xxh64_round(accumulator2, lane64(b + at + 8, is_difference));
		accumulator3 = xxh64_round(accumulator3, lane64(b + at + 16, is_difference));
		accumulator4 = xxh64_round(accumulator4, lane64(b + at + 24, is_difference));
		at += 32;
	}
	at = whole_bytes;
	if (bytes >= 32) {
		hash = rotate_left64(accumulator1, 1) + rotate_left64(accumulator2, 7) +
		       rotate_left64(accumulator3, 12) + rotate_left64(accumulator4, 18);
		hash = xxh64_merge(hash, accumulator1);
		hash = xxh64_merge(hash, accumulator2);
		hash = xxh64_merge(hash, accumulator3);
		hash = xxh64_merge(hash, accumulator4);
	} else {
		hash = seed + XXH64_PRIME_5;
	}
	hash += bytes;
	for (i = 0; i < 3; i++) {
		if (at + 8 > bytes)
			break;
		hash ^= xxh64_round(0, lane64(b + at, is_difference));
		hash = rotate_left64(hash, 27) * XXH64_PRIME_1 + XXH64_PRIME_4;
		at += 8;
	}
	if (at + 4 <= bytes) {
		hash ^= (__u64)lane32(b + at, is_difference) * XXH64_PRIME_1;
		hash = rotate_left64(hash, 23) * XXH64_PRIME_2 + XXH64_PRIME_3;
		at += 4;
	}
	for (i = 0; i < 3; i++) {
		if (at >= bytes)
			break;
		hash ^= (__u64)lane8(b + at, is_difference) * XXH64_PRIME_5;
		hash = rotate_left64(hash, 11) * XXH64_PRIME_1;
		at += 1;
	}
	return xxh64_avalanche(hash);
}

/*
 * CRC-32 as zlib computes it (polynomial 0xedb88320), by half bytes: 16 table entries stay in
 * registers' reach. The upper 32 bits are the CRC of the same bytes begun with the seed.
 */
static const __u32 crc32_nibble_table[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
	0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
	0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static __always_inline __u32 crc32_byte(__u32 crc, __u8 byte)
{
	crc ^= byte;
	crc = (crc >> 4) ^ crc32_nibble_table[crc & 15];
	return (crc >> 4) ^ crc32_nibble_table[crc & 15];
}

static __always_inline __u64 crc32_wide(const __u8 *b, __u32 bytes, const __u32 bytes_max,
					__u64 seed, const int is_difference)
{
	__u32 plain = 0xffffffff;
	__u32 keyed = (__u32)(seed ^ (seed >> 32)) ^ 0x5bd1e995;
	__u32 i;

	for (i = 0; i < bytes_max; i++) {
		__u8 byte;

		if (i >= bytes)
			break;
		byte = lane8(b + i, is_difference);
		plain = crc32_byte(plain, byte);
		/* A CRC is linear: begun differently it would differ by a constant only. */
		keyed = crc32_byte(keyed, (__u8)(byte + (keyed >> 24)));
	}
	return ((__u64)keyed << 32) | (plain ^ 0xffffffff);
}

/* Polynomial over the bytes (Rabin and Karp), finished by a mix so that all bits are filled. */
#define ROLLING_MULTIPLIER 0x100000001b3ULL

static __always_inline __u64 rolling_hash(const __u8 *b, __u32 bytes, const __u32 bytes_max,
					  __u64 seed, const int is_difference)
{
	__u64 hash = seed ^ XXH64_PRIME_5;
	__u32 i;

	for (i = 0; i < bytes_max; i++) {
		if (i >= bytes)
			break;
		hash = hash * ROLLING_MULTIPLIER + lane8(b + i, is_difference) + 1;
	}
	return xxh64_avalanche(hash);
}

/* The signature of `bytes` bytes by the configured algorithm. */
static __always_inline __u64 signature_of(const __u8 *b, __u32 bytes, const __u32 bytes_max,
					  __u32 algorithm, __u64 seed, const int is_difference)
{
	if (algorithm == CAPTURE_ALGORITHM_CRC32)
		return crc32_wide(b, bytes, bytes_max, seed, is_difference);
	if (algorithm == CAPTURE_ALGORITHM_ROLLING_HASH)
		return rolling_hash(b, bytes, bytes_max, seed, is_difference);
	return xxh64(b, bytes, bytes_max, seed, is_difference);
}

#endif /* BPF_SIGNATURE_H_ */
