using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Ssb.Wire;

// Linux, macOS and the like only: libc. Windows has no such limit.
public sealed partial class Descriptors
{
    // RLIMIT_NOFILE.
    private const int LinuxFiles = 7, BsdFiles = 8;

    [UnsupportedOSPlatform("windows")]
    private static unsafe int UnixLimit()
    {
        // struct rlimit: two numbers of 8 bytes, or of 4 in 32-bit processes of glibc. The current limit is the first.
        ulong* limit = stackalloc ulong[2];
        if (GetLimit(OperatingSystem.IsLinux() || OperatingSystem.IsAndroid() ? LinuxFiles : BsdFiles, limit) != 0)
            return int.MaxValue;
        ulong current = nint.Size == 8 ? *limit : *(uint*)limit;
        return current < int.MaxValue ? (int)current : int.MaxValue;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static unsafe partial int GetLimit(int resource, ulong* limit);
}
