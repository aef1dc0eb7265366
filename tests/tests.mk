# SPDX-License-Identifier: Apache-2.0
# Test programs.  A unit test links the core library alone: that keeps the core pure.

UNIT := arena_test deadline_test seqset_test strmap_test text_test time_test

UNIT_PROGRAMS := $(UNIT:%=$(BUILD)/tests/unit/%)

.PHONY: unit-tests
unit-tests: $(UNIT_PROGRAMS)

$(UNIT_PROGRAMS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $(CORE_LIB)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(CORE_LIBS) -lcmocka
