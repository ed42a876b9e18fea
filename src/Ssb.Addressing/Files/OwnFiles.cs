using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Ssb;

/// <summary>Opens and makes files and folders of a peer: for its user alone, without waiting for anybody, and never through what another
/// user put there.</summary>
public static partial class OwnFiles
{
    /// <summary>Mode 0600.</summary>
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const int NoPermission = 1, NoEntry = 2, NoDeviceOrAddress = 6, NoAccess = 13, NotAFolder = 20; // errno: EPERM, ENOENT, ENXIO, EACCES, ENOTDIR
    private const int NoSpace = 28, ReadOnly = 30, LinuxQuota = 122, MacQuota = 69; // ENOSPC, EROFS, EDQUOT
    private const int WindowsDiskFull = unchecked((int)0x80070070); // ERROR_DISK_FULL
    private const int WindowsHandleDiskFull = unchecked((int)0x80070027); // ERROR_HANDLE_DISK_FULL
    private const int CurrentFolder = -100, EmptyPath = 0x1000, NoFollow = 0x100; // AT_FDCWD, AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW of linux/fcntl.h

    /// <summary>What stands at a path; nothing, too, if a link on the way leads nowhere.</summary>
    /// <param name="path">The path.</param>
    /// <param name="followLink">If it is a symbolic link: is what it leads to meant, or the link itself?</param>
    /// <exception cref="IOException">The system does not tell.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder on the way may not be searched.</exception>
    public static PathKind KindOf(string path, bool followLink = true)
    {
        if (OperatingSystem.IsLinux())
            return TryStat(path, followLink, out FileStatus status) ? status.Kind : PathKind.Nothing;
        var file = new FileInfo(path);
        if (followLink && file.LinkTarget is not null)
        {
            if (file.ResolveLinkTarget(returnFinalTarget: true) is not { } target)
                return PathKind.Nothing;
            file = new FileInfo(target.FullName);
        }

        if (Directory.Exists(file.FullName))
            return PathKind.Folder;
        if (!file.Exists)
            return PathKind.Nothing;
        if (file.LinkTarget is not null)
            return PathKind.Link;
        return OperatingSystem.IsWindows() ? KindOnWindows(file) : KindByOpening(file.FullName);
    }

    /// <summary>Is a file there? If what is there is something else, or a link that leads nowhere, that is told.</summary>
    /// <returns>true for a file, false for nothing.</returns>
    /// <exception cref="IOException">It is something else than a file.</exception>
    /// <exception cref="UnauthorizedAccessException">A folder on the way may not be searched.</exception>
    public static bool IsFile(string path)
    {
        PathKind kind = KindOf(path);
        if (kind == PathKind.Nothing && KindOf(path, followLink: false) == PathKind.Link)
            throw new IOException($"'{path}' is a link to '{new FileInfo(path).LinkTarget}', which is not there. Make that file available, or remove the link.");
        return kind == PathKind.File || (kind == PathKind.Nothing ? false : throw NotAFile(path, kind));
    }

    /// <summary>Opens a file for reading. Neither a pipe that nobody writes to nor a lock of another program makes it wait or
    /// fail.</summary>
    /// <exception cref="FileNotFoundException">It is not there.</exception>
    /// <exception cref="IOException">It is no file, or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static SafeFileHandle OpenRead(string path)
    {
        PathKind kind = KindOf(path);
        if (kind is not (PathKind.File or PathKind.Nothing))
            throw NotAFile(path, kind);
        // .NET takes a lock (flock) on whatever it opens, and gives up where another program has one: any user who may read a file can
        // lock it.
        return OperatingSystem.IsWindows() ? File.OpenHandle(path, options: FileOptions.SequentialScan) : OpenWithoutLock(path);
    }

    /// <summary>Makes a file that was not there, for its owner alone (0600). A link in its place is not followed.</summary>
    /// <exception cref="IOException">Something has that name, or it cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static FileStream CreateNew(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) // where the property throws
            options.UnixCreateMode = OwnerOnly;
        return new FileStream(path, options);
    }

    /// <summary>Makes a folder, and those above it that are missing, for their owner alone (0700). One that is there stays as it
    /// is.</summary>
    /// <exception cref="IOException">It cannot be made, or something else has that name; the message says which folder, and
    /// why.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder above may not be written to; the message says so.</exception>
    public static void CreateFolder(string path)
    {
        // .NET gives the mode to the last of several new folders alone.
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Directory.Exists(full))
            return;
        string? parent = Path.GetDirectoryName(full);
        if (parent is not null)
            CreateFolder(parent);
        try
        {
            if (OperatingSystem.IsWindows())
                Directory.CreateDirectory(full);
            else
                Directory.CreateDirectory(full, FolderMode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            string? above = File.Exists(full) || parent is null ? FolderProblem(full) : FolderProblem(parent);
            string message = $"The folder '{full}' cannot be made: {above ?? e.Message}";
            throw e is UnauthorizedAccessException ? new UnauthorizedAccessException(message, e) : new IOException(message, e);
        }
    }

    /// <summary>Why no file can be made in a folder, as a sentence that names the folder; null if one can.</summary>
    /// <remarks>It is tried, with a file that is removed again.</remarks>
    public static string? FolderProblem(string folder)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        string probe = Path.Combine(full, $".ssb-probe-{Guid.NewGuid():N}");
        try
        {
            if (KindOf(full) is not PathKind.Folder and var kind)
            {
                return kind == PathKind.Nothing
                    ? $"there is no folder '{full}'."
                    : $"'{full}' is {Name(kind)}, where a folder is expected.";
            }

            try
            {
                using FileStream file = CreateNew(probe);
                file.WriteByte(0); // a full disk may have a place for a name and none for a byte
                file.Flush(flushToDisk: true);
            }
            finally
            {
                File.Delete(probe);
            }

            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ErrorOf(e) switch
            {
                ReadOnly => $"'{full}' is on a file system that is read-only.",
                NoSpace or LinuxQuota or WindowsDiskFull or WindowsHandleDiskFull =>
                    $"no space is left on the disk of '{full}', or for this user there.",
                MacQuota when OperatingSystem.IsMacOS() => $"no space is left for this user on the disk of '{full}'.",
                NoAccess or NoPermission => $"'{full}' may not be written to by this user{OwnerOf(full)}.",
                _ when e is UnauthorizedAccessException => $"'{full}' may not be written to by this user.",
                _ => $"no file can be made in '{full}': {e.Message}",
            };
        }
    }

    /// <summary>The error of the system behind an exception of a file: an errno on Unix, an HRESULT on Windows.</summary>
    private static int ErrorOf(Exception e) => (e as UnauthorizedAccessException)?.InnerException?.HResult ?? e.HResult;

    private static string OwnerOf(string folder)
    {
        if (!OperatingSystem.IsLinux())
            return "";
        try
        {
            if (!TryStat(folder, followLink: true, out FileStatus status))
                return "";
            return TryStat("/proc/self", followLink: true, out FileStatus self) && self.User == status.User
                ? ", although it belongs to this user: its mode does not allow it"
                : $": it belongs to the user with the number {status.User}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // not even that may be known
        }
    }

    /// <summary>What to say of something that is no file.</summary>
    public static IOException NotAFile(string path, PathKind kind) => new($"'{path}' is {Name(kind)}, where a file is expected. Move it away, or use another folder.");

    /// <summary>In words, such as <c>a named pipe</c>.</summary>
    public static string Name(PathKind kind) => kind switch
    {
        PathKind.Folder => "a folder",
        PathKind.Pipe => "a named pipe",
        PathKind.Socket => "a socket",
        PathKind.Device => "a device",
        PathKind.Link => "a symbolic link",
        PathKind.File => "a file",
        _ => "nothing",
    };

    /// <summary>What the system says of a file; Linux only.</summary>
    /// <returns>false if there is none.</returns>
    [SupportedOSPlatform("linux")]
    public static bool TryStat(string path, bool followLink, out FileStatus status)
    {
        int error = Stat(CurrentFolder, path, followLink ? 0 : NoFollow, FileStatus.Mask, out status) == 0 ? 0 : Marshal.GetLastPInvokeError();
        return error switch
        {
            0 => true,
            NoEntry or NotAFolder => false,
            _ => throw Failed(path, error),
        };
    }

    /// <inheritdoc cref="TryStat(string, bool, out FileStatus)"/>
    [SupportedOSPlatform("linux")]
    public static bool TryStat(SafeFileHandle file, out FileStatus status) => Stat(file, "", EmptyPath, FileStatus.Mask, out status) == 0;

    private static PathKind KindOnWindows(FileInfo file)
    {
        // A unix socket is a reparse point that is no link, and cannot be opened as a file is.
        return file.Attributes.HasFlag(FileAttributes.ReparsePoint) && file.Length == 0 ? PathKind.Socket : PathKind.File;
    }

    // Where the layout of "struct stat" is not the same for all: what can be opened and has a length is a file.
    private static PathKind KindByOpening(string path)
    {
        try
        {
            using SafeFileHandle file = OpenWithoutLock(path);
            _ = RandomAccess.GetLength(file);
            return PathKind.File;
        }
        catch (NotSupportedException)
        {
            return PathKind.Pipe;
        }
        catch (UnauthorizedAccessException)
        {
            return PathKind.File; // whoever opens it is told
        }
        catch (IOException)
        {
            return PathKind.Socket;
        }
    }

    private static SafeFileHandle OpenWithoutLock(string path)
    {
        // O_NONBLOCK and O_CLOEXEC of Linux, and of macOS; without O_CREAT there is no third argument.
        var file = new SafeFileHandle(Open(path, OperatingSystem.IsLinux() ? 0x800 | 0x80000 : 0x4 | 0x1000000), ownsHandle: true);
        if (!file.IsInvalid)
            return file;
        int error = Marshal.GetLastPInvokeError();
        file.Dispose();
        throw Failed(path, error);
    }

    private static Exception Failed(string path, int error) => error switch
    {
        NoEntry => new FileNotFoundException($"There is no file '{path}'.", path),
        NotAFolder => new DirectoryNotFoundException($"There is no file '{path}': a part of its path is no folder."),
        NoAccess or NoPermission => new UnauthorizedAccessException(
            $"'{path}' may not be opened by this user.", new IOException(Marshal.GetPInvokeErrorMessage(error), error)),
        NoDeviceOrAddress => NotAFile(path, PathKind.Socket),
        _ => new IOException($"'{path}' cannot be opened: {Marshal.GetPInvokeErrorMessage(error)}.", error),
    };

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Stat(int folder, string path, int flags, uint mask, out FileStatus status);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Stat(SafeFileHandle file, string path, int flags, uint mask, out FileStatus status);
}
