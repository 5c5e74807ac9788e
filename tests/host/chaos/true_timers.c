/* Preloaded before libfaketime: it takes the offset of the wall clock from every absolute timer
 * (timerfd_settime(2)), those of CLOCK_MONOTONIC included, so that journald's fire hours late, at
 * once without end, or not at all (EINVAL, where that is before the boot). Here the kernel gets
 * what was meant. */
#include <sys/syscall.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const void *new_value, void *old_value)
{
    return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, old_value);
}
