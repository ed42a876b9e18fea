// libsodium 1.0.22, https://doc.libsodium.org: sodium_init must run once before anything else.
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Ssb.Wire.Sodium;

/// <summary>The native library itself: its start, its random bytes, its wiping of memory.</summary>
internal static partial class SodiumLibrary
{
    internal const string Name = "libsodium";

    private static volatile bool s_ready;

    /// <summary>Starts the library; every class beside this one calls it before its first native call.</summary>
    /// <exception cref="NativeLibraryException">The library is not there, is of another system, or cannot start.</exception>
    internal static void EnsureReady()
    {
        if (!s_ready)
            Start(sodium_init);
    }

    /// <param name="start">0 = started, 1 = was started already (sodium_init is itself thread-safe), -1 = failed.</param>
    internal static void Start(Func<int> start)
    {
        try
        {
            if (start() < 0)
            {
                throw new NativeLibraryException(
                    "libsodium could not be started: this system gives it no random bytes.", innerException: null);
            }
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException
            or TypeInitializationException)
        {
            throw NativeLibraryException.OfSodium(e);
        }

        s_ready = true;
    }

    internal static void FillRandom(Span<byte> buffer)
    {
        EnsureReady();
        randombytes_buf(buffer, (nuint)buffer.Length);
    }

    /// <summary>Wipes memory in a way that no compiler removes. It never throws: what is wiped in a <c>finally</c> must not hide what
    /// failed.</summary>
    internal static void Wipe(Span<byte> buffer)
    {
        if (s_ready)
            sodium_memzero(buffer, (nuint)buffer.Length);
        else
            CryptographicOperations.ZeroMemory(buffer);
    }

    [LibraryImport(Name)]
    private static partial int sodium_init();

    [LibraryImport(Name)]
    private static partial void randombytes_buf(Span<byte> buffer, nuint length);

    [LibraryImport(Name)]
    private static partial void sodium_memzero(Span<byte> buffer, nuint length);
}
