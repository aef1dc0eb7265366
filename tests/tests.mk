# SPDX-License-Identifier: Apache-2.0
# Test programs in C.  A unit test links the core library alone: that keeps the core pure.

<<<<<<< HEAD
UNIT := arena_test core_test deadline_test seqset_test settings_test strmap_test text_test time_test
=======
UNIT      := arena_test deadline_test log_test seqset_test strmap_test text_test time_test
TEST_CORE := $(CORE_LIB)
>>>>>>> base

UNIT_PROGRAMS := $(UNIT:%=$(BUILD)/tests/unit/%)
JOURNAL_TEST  := $(BUILD)/tests/journal/journal_test
TEST_PROGRAMS := $(UNIT_PROGRAMS) $(JOURNAL_TEST)

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS)

$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(TEST_CORE)
	@mkdir -p $(@D)
<<<<<<< HEAD
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lcmocka

# The core's fixture goes with its test.
$(BUILD)/tests/unit/core_test: $(BUILD)/obj/tests/unit/core_fixture.o

# Parsers under mutated input; tests/check runs each for a while and prints its seed.
FUZZ := decode_fuzz
FUZZ_PROGRAMS := $(FUZZ:%=$(BUILD)/tests/fuzz/%)

.PHONY: fuzzers
fuzzers: $(FUZZ_PROGRAMS)

$(FUZZ_PROGRAMS): $(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/obj/tests/fuzz/driver.o $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS)
=======
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lm -lcmocka

$(JOURNAL_TEST): $(BUILD)/obj/tests/journal/journal_test.o \
    $(call obj,$(patsubst %,daemon/io/%.c,crc32c journal journal_keeper journal_open journal_segment)) $(TEST_CORE)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lpthread

$(BUILD)/obj/tests/%.o: CPPFLAGS += -I.
>>>>>>> base
