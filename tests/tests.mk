# SPDX-License-Identifier: Apache-2.0
# Test programs in C.  A unit test links the core library alone: that keeps the core pure.

UNIT      := arena_test deadline_test log_test seqset_test strmap_test text_test time_test
TEST_CORE := $(CORE_LIB)

UNIT_PROGRAMS := $(UNIT:%=$(BUILD)/tests/unit/%)
JOURNAL_TEST  := $(BUILD)/tests/journal/journal_test
TEST_PROGRAMS := $(UNIT_PROGRAMS) $(JOURNAL_TEST)

.PHONY: test-programs
test-programs: $(TEST_PROGRAMS)

$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(TEST_CORE)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lm -lcmocka

$(JOURNAL_TEST): $(BUILD)/obj/tests/journal/journal_test.o \
    $(call obj,$(patsubst %,daemon/io/%.c,crc32c journal journal_keeper journal_open journal_segment)) $(TEST_CORE)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lpthread

$(BUILD)/obj/tests/%.o: CPPFLAGS += -I.
