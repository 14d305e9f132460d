/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/sha256.h"

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t sha256_turn(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static void sha256_block(uint32_t h[8], const uint8_t block[64])
{
	uint32_t w[64], s[8];

	for (unsigned int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
		       (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
	for (unsigned int i = 16; i < 64; i++) {
		uint32_t a = w[i - 15], b = w[i - 2];

		a = sha256_turn(a, 7) ^ sha256_turn(a, 18) ^ a >> 3;
		b = sha256_turn(b, 17) ^ sha256_turn(b, 19) ^ b >> 10;
		w[i] = w[i - 16] + a + w[i - 7] + b;
	}
	memcpy(s, h, sizeof(s));
	for (unsigned int i = 0; i < 64; i++) {
		uint32_t e = sha256_turn(s[4], 6) ^ sha256_turn(s[4], 11) ^ sha256_turn(s[4], 25);
		uint32_t a = sha256_turn(s[0], 2) ^ sha256_turn(s[0], 13) ^ sha256_turn(s[0], 22);
		uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
		uint32_t t = s[7] + e + choice + sha256_k[i] + w[i];

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t;
		s[0] = t + a + majority;
	}
	for (unsigned int i = 0; i < 8; i++)
		h[i] += s[i];
}

void tls_sha256(uint8_t out[TLS_SHA256_LEN], struct px_bytes text)
{
	uint32_t h[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	uint64_t bits = (uint64_t)text.len * 8;
	uint8_t block[64];
	bool has_end = false;
	size_t at = 0;

	/* A bit of 1 and as many of 0 as it takes for the length to end a block. */
	while (text.len - at >= sizeof(block)) {
		memcpy(block, text.ptr + at, sizeof(block));
		sha256_block(h, block);
		at += sizeof(block);
	}
	for (;;) {
		size_t n = text.len - at;

		memset(block, 0, sizeof(block));
		if (n)
			memcpy(block, text.ptr + at, n);
		at += n;
		if (!has_end)
			block[n] = 0x80;
		if (!has_end && n >= 56) {
			has_end = true;
			sha256_block(h, block);
			continue;
		}
		for (unsigned int i = 0; i < 8; i++)
			block[63 - i] = (uint8_t)(bits >> 8 * i);
		sha256_block(h, block);
		break;
	}
	for (unsigned int i = 0; i < TLS_SHA256_LEN; i++)
		out[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}
