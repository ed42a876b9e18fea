// libsodium 1.0.22, https://doc.libsodium.org: sodium_init must run once before anything else.
using System.Runtime.InteropServices;

namespace Ssb.Wire.Sodium;

/// <summary>The native library itself: its start, its random bytes, its wiping of memory.</summary>
internal static partial class SodiumLibrary
{
    internal const string Name = "libsodium";

    private static volatile bool s_ready;

    /// <summary>Starts the library; every class beside this one calls it before its first native call.</summary>
    /// <exception cref="InvalidOperationException">The library is there and cannot start.</exception>
    /// <exception cref="DllNotFoundException">The library is not there.</exception>
    internal static void EnsureReady()
    {
        if (s_ready)
            return;

        // 0 = started, 1 = was started already (sodium_init is itself thread-safe), -1 = failed.
        if (sodium_init() < 0)
            throw new InvalidOperationException("libsodium could not be started.");

        s_ready = true;
    }

    internal static void FillRandom(Span<byte> buffer)
    {
        EnsureReady();
        randombytes_buf(buffer, (nuint)buffer.Length);
    }

    /// <summary>Wipes memory in a way that no compiler removes.</summary>
    internal static void Wipe(Span<byte> buffer) => sodium_memzero(buffer, (nuint)buffer.Length);

    [LibraryImport(Name)]
    private static partial int sodium_init();

    [LibraryImport(Name)]
    private static partial void randombytes_buf(Span<byte> buffer, nuint length);

    [LibraryImport(Name)]
    private static partial void sodium_memzero(Span<byte> buffer, nuint length);
}
