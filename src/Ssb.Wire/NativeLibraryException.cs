namespace Ssb.Wire;

/// <summary>A native library that this package needs cannot be used on this system. The message says which one, and what to
/// install.</summary>
/// <remarks>Whatever needs keys throws it, first of all <see cref="KeyPair"/> and <see cref="SecretFile"/>. It is thrown again at the next
/// attempt, as long as nothing was installed.</remarks>
public sealed class NativeLibraryException : Exception
{
    internal NativeLibraryException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    internal static NativeLibraryException OfSodium(Exception cause) => new(
        OperatingSystem.IsWindows()
            ? "libsodium.dll cannot be loaded. Install the Microsoft Visual C++ Redistributable "
                + "(https://aka.ms/vs/17/release/vc_redist.x64.exe; x86 and arm64 likewise), which it needs, "
                + "and see that libsodium.dll is in the folder of the program."
            : OperatingSystem.IsMacOS()
                ? "libsodium.dylib cannot be loaded. See that it is in the folder of the program: "
                    + "a build for another kind of processor does not have it."
                : "libsodium.so cannot be loaded. See that it is in the folder of the program: a build for another processor, "
                    + "or for glibc where the system has musl or the other way round (dotnet publish -r linux-x64 or linux-musl-x64), "
                    + "does not have the right one.",
        cause);
}
