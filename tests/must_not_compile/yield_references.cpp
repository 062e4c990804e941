// SPDX-FileCopyrightText: 2026 The coil authors
// SPDX-License-Identifier: MIT

// expect: to yield references, yield pointers

#include <coil/coro/async_generator.hpp>

#ifdef COIL_MUST_NOT_COMPILE
coil::async_generator<int&> lend(int& value) { co_yield value; }
#else
coil::async_generator<int*> lend(int& value) { co_yield &value; }
#endif
