# SPDX-License-Identifier: Apache-2.0
# BoringSSL as archives, of the source that Debian's package is made of: make -C SOURCE -f boringssl.mk into=FOLDER
include eureka.mk

flags := -O1 -w -fvisibility=hidden -DOPENSSL_NO_ASM -Isrc/include -Isrc/crypto

all: built/libcrypto.a built/libssl.a
	mkdir -p $(into)/lib
	cp -r src/include $(into)
	cp $^ $(into)/lib

built/libcrypto.a: $(crypto_sources:%.c=built/%.o)
	ar rc $@ $^
built/libssl.a: $(ssl_sources:%.cc=built/%.o)
	ar rc $@ $^
built/%.o: %.c
	mkdir -p $(@D)
	$(CC) $(flags) -c -o $@ $<
built/%.o: %.cc
	mkdir -p $(@D)
	$(CXX) $(flags) -std=c++14 -fno-exceptions -fno-rtti -c -o $@ $<
