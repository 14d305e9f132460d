/* SPDX-License-Identifier: Apache-2.0 */
/* Whose bytes are these; SHA-256; the names of suites. */
#include "support/guard.h"
#include "support/suite.h"
#include "tls/message.h"
#include "tls/sha256.h"
#include "tls/tls.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define WIRE(literal)                                                                              \
	{                                                                                          \
		literal, sizeof(literal) - 1                                                       \
	}

static const struct {
	struct px_bytes head;
	enum px_sure sure;
	unsigned int kind;	/* enum px_frame_kind, or 0 */
} infers[] = {
	{ WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), PX_SURE_YES, PX_FRAME_REQUEST },
	{ WIRE("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"), PX_SURE_YES, PX_FRAME_RESPONSE },
	{ WIRE("\x16\x03\x01\x00\x01\x01\x16\x03\x01\x00\x05\x00\x01\xfc\x03\x03"), PX_SURE_YES,
	  PX_FRAME_REQUEST },
	{ WIRE("\x15\x03\x01\x00\x02\x02\x46"), PX_SURE_YES, 0 },
	{ WIRE("\x17\x03\x03\x00\x02--\x17\x03\x03\x00\x01-"), PX_SURE_YES, 0 },
	{ WIRE("\x17\x03\x03\x00\x01-\x15\x03\x03\x00\x01-\x17\x03\x03\x01\x00"), PX_SURE_YES, 0 },
	{ WIRE("\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x01-"), PX_SURE_YES, 0 },
	{ WIRE("\x16"), PX_SURE_MAYBE, 0 },
	{ WIRE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"), PX_SURE_MAYBE, PX_FRAME_REQUEST },
	{ WIRE("\x17\x03\x03\x00\x02--"), PX_SURE_MAYBE, 0 },

	{ WIRE("\x17\x03\x03\x00\x02--\x17\x03\x01\x00\x01-"), PX_SURE_NO, 0 },	/* versions differ */
	{ WIRE("\x17\x03\x03\x00\x00\x17"), PX_SURE_NO, 0 },			/* nothing inside */
	{ WIRE("\x17\x03\x03\xff\xff"), PX_SURE_NO, 0 },
	{ WIRE("\x14\x03\x03\x00\x02\x01"), PX_SURE_NO, 0 },
	{ WIRE("\x13\x03\x03\x00\x02\x01"), PX_SURE_NO, 0 },
	{ WIRE("\x16\x02\x00"), PX_SURE_NO, 0 },
	{ WIRE("\x16\x03\x05"), PX_SURE_NO, 0 },
	{ WIRE("GET / HTTP/1.1\r\n"), PX_SURE_NO, 0 },
	{ WIRE("\x00\x00\x00\x08\x04\xd2\x16\x2f"), PX_SURE_NO, 0 },
	{ WIRE("SSH-2.0-OpenSSH_9.2\r\n"), PX_SURE_NO, 0 },
};

START_TEST(infer_case)
{
	struct px_bytes head = px_guard_dup(infers[_i].head);

	ck_assert_int_eq(px_parser_tls.infer(head, PX_DIR_IN), infers[_i].sure);
	if (infers[_i].sure != PX_SURE_NO)
		ck_assert_uint_eq(px_parser_tls.kind(head), infers[_i].kind);
	px_guard_free(head);
}
END_TEST

/* What is YES in the end was never NO on the way. */
START_TEST(infer_grows)
{
	for (size_t n = 1; infers[_i].sure == PX_SURE_YES && n < infers[_i].head.len; n++) {
		struct px_bytes head = px_guard_dup(px_bytes_sub(infers[_i].head, 0, n));

		ck_assert_int_ne(px_parser_tls.infer(head, PX_DIR_IN), PX_SURE_NO);
		px_guard_free(head);
	}
}
END_TEST

/* Bytes that mean nothing, also behind the beginning of a record. */
START_TEST(infer_noise)
{
	uint64_t x = 88172645463325252;
	char noise[600];

	for (int turn = 0; turn < 200000; turn++) {
		for (size_t i = 0; i < sizeof(noise); i += 8) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(noise + i, &x, 8);
		}
		if (turn & 1)
			memcpy(noise, turn & 2 ? "\x17\x03\x03" : "\x16\x03\x01", 3);
		ck_assert_int_ne(px_parser_tls.infer(px_bytes_of(noise, sizeof(noise)), PX_DIR_IN),
				 PX_SURE_YES);
	}
}
END_TEST

/* FIPS 180-4 and NIST's examples. */
static const struct {
	const char *text, *hash;
	size_t times;
} hashes[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1 },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 1 },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", 1 },
	{ "a", "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", 1000000 },
	{ "a", "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318", 55 },
	{ "a", "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb", 64 },
};

START_TEST(sha256_case)
{
	size_t one = strlen(hashes[_i].text), len = one * hashes[_i].times;
	char *text = malloc(len + 1), hex[2 * TLS_SHA256_LEN + 1];
	uint8_t hash[TLS_SHA256_LEN];

	ck_assert_ptr_nonnull(text);
	for (size_t i = 0; i < hashes[_i].times && one; i++)
		memcpy(text + i * one, hashes[_i].text, one);
	tls_sha256(hash, px_bytes_of(text, len));
	for (size_t i = 0; i < sizeof(hash); i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	ck_assert_str_eq(hex, hashes[_i].hash);
	free(text);
}
END_TEST

/* The table is searched by halves: it has to be in order. */
START_TEST(suites_are_found)
{
	size_t count = 0;

	for (uint32_t n = 0; n <= UINT16_MAX; n++)
		count += tls_suite_name((uint16_t)n) != NULL;
	ck_assert_uint_gt(count, 340);
	ck_assert_str_eq(tls_suite_name(0x0000), "TLS_NULL_WITH_NULL_NULL");
	ck_assert_str_eq(tls_suite_name(0x1301), "TLS_AES_128_GCM_SHA256");
	ck_assert_str_eq(tls_suite_name(0xc02f), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
	ck_assert_str_eq(tls_suite_name(0xd005), "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256");
	ck_assert_ptr_null(tls_suite_name(0x0a0a));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tc = tcase_create("tls");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, infer_case, 0, (int)PX_COUNT(infers));
	tcase_add_loop_test(tc, infer_grows, 0, (int)PX_COUNT(infers));
	tcase_add_test(tc, infer_noise);
	tcase_add_loop_test(tc, sha256_case, 0, (int)PX_COUNT(hashes));
	tcase_add_test(tc, suites_are_found);
	suite_add_tcase(suite, tc);
	return px_suite_run(suite);
}
