# SPDX-License-Identifier: Apache-2.0
# Test programs.  A unit test links the core library alone: that keeps the core pure.

UNIT := arena_test core_test deadline_test seqset_test settings_test strmap_test text_test time_test

UNIT_PROGRAMS := $(UNIT:%=$(BUILD)/tests/unit/%)

.PHONY: unit-tests
unit-tests: $(UNIT_PROGRAMS)

$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(CORE_LIB)
	@mkdir -p $(@D)
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
