#pragma once

namespace weft::test {

/// Yields until nothing else can run: every other task of this runtime waits for something, and a
/// whole turn of this loop ran nothing but the caller. It does not wait for deadlines.
///
/// Call it in a task. Throws, with the list of tasks, when that has not come after ten seconds:
/// some task runs on and on.
void settle();

}  // namespace weft::test
