using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.Versioning;
using Microsoft.Win32.SafeHandles;

namespace Ssb.Conn;

/// <summary>One process at a time has a folder's address book: a lock on <c>conn.lock</c> in it, which ends with the process.</summary>
/// <remarks>
/// <para>JavaScript peers know nothing of it.</para>
/// <para>On Unix whoever may open a file for reading may lock it. So the file has mode 0600, and a lock that no peer can hold (a shared
/// one, or one of a user who
/// may not write to the file) does not count: the file that it is on is replaced by a new one, which that user cannot open.</para>
/// </remarks>
internal sealed class FolderLock : IDisposable
{
    private const string FileName = "conn.lock";
    private const int ReadOnlyFileSystem = 30; // EROFS, the same number on Linux and macOS
    private const int MostAttempts = 10;

    // The files that this process has, by their paths.
    private static readonly ConcurrentDictionary<string, FolderLock> s_own = [];

    private readonly FileStream _file;

    private readonly string _path;

    private FolderLock(FileStream file, string path)
    {
        (_file, _path) = (file, Path.GetFullPath(path));
        s_own[_path] = this;
    }

    /// <param name="folder">The folder.</param>
    /// <remarks>On Windows it may take about a second, in which the calling thread waits.</remarks>
    /// <returns>null if the folder is read-only, where no lock is needed.</returns>
    /// <exception cref="IOException">Another process, or another instance of this one, has it; or the file cannot be used.</exception>
    public static FolderLock? Take(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            // On Windows a virus scanner that looks at the file cannot be told from a peer, but for the time that it takes.
            FolderLock? taken = null;
            if (OperatingSystem.IsWindows())
                HeldFile.Repeat(() => taken = new FolderLock(TryTake(path) ?? throw InUse(folder, holder: null), path));
            return taken ?? new FolderLock(TryTake(path) ?? TakeFromAnother(path, folder), path);
        }
        catch (Exception e) when (e is UnauthorizedAccessException || e.HResult == ReadOnlyFileSystem)
        {
            if (OwnFiles.FolderProblem(folder) is not null)
                return null;
            throw new IOException($"'{path}' may not be opened by this user; another user made it. When no peer of that user runs in this folder, remove the file.", e);
        }
    }

    // The file stays: to delete it would race with the next who takes it.
    public void Dispose()
    {
        s_own.TryRemove(KeyValuePair.Create(_path, this));
        _file.Dispose();
    }

    /// <returns>null if it is locked.</returns>
    private static FileStream? TryTake(string path)
    {
        PathKind kind = OwnFiles.KindOf(path, followLink: false);
        if (kind is not (PathKind.Nothing or PathKind.File))
            throw OwnFiles.NotAFile(path, kind);
        for (int i = 0; i < MostAttempts; i++)
        {
            if (TryOpen(path, FileShare.None) is not { } file)
                return null;
            if (IsAt(path, file.SafeFileHandle))
            {
                Narrow(file.SafeFileHandle);
                return file;
            }

            file.Dispose(); // it was replaced since it was opened
        }

        return null;
    }

    /// <summary>Replaces the file if the lock on it is none of a peer.</summary>
    /// <remarks>One process at a time does this: the new file is locked under another name before it is moved, and who holds that lock
    /// looks again.</remarks>
    private static FileStream TakeFromAnother(string path, string folder)
    {
        string fresh = path + ".new";
        if (IsOfPeer(path, out string? holder) || TryTake(fresh) is not { } file)
            throw InUse(folder, holder);
        try
        {
            if (TryTake(path) is { } free)
            {
                File.Delete(fresh);
                file.Dispose();
                return free;
            }

            if (IsOfPeer(path, out holder))
                throw InUse(folder, holder);
            File.Move(fresh, path, overwrite: true);
            return file;
        }
        catch
        {
            File.Delete(fresh);
            file.Dispose();
            throw;
        }
    }

    // A peer locks it for itself alone, and can write to it.
    private static bool IsOfPeer(string path, out string? holder)
    {
        holder = null;
        if (OperatingSystem.IsWindows())
            return true;
        if (TryOpen(path, FileShare.ReadWrite) is { } shared)
        {
            shared.Dispose();
            return false;
        }

        if (!OperatingSystem.IsLinux() || HolderOf(path, out FileStatus file) is not { } process
            || !OwnFiles.TryStat($"/proc/{process}", followLink: true, out FileStatus owner))
            return true;
        holder = $"process {process} of the user with the number {owner.User}";
        return owner.User == 0 || owner.User == file.User || (file.Mode & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != UnixFileMode.None;
    }

    // "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF", the device in hexadecimal digits, then the inode.
    [SupportedOSPlatform("linux")]
    private static int? HolderOf(string path, out FileStatus file)
    {
        if (!OwnFiles.TryStat(path, followLink: false, out file))
            return null;
        string inode = string.Create(CultureInfo.InvariantCulture, $"{file.DeviceMajor:x2}:{file.DeviceMinor:x2}:{file.Inode}");
        try
        {
            foreach (string line in File.ReadLines("/proc/locks"))
            {
                if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, "FLOCK", _, "WRITE", { } process, { } at, ..] && at == inode
                    && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int id) && id > 0)
                    return id;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not told here; then it counts as a peer.
        }

        return null;
    }

    private static IOException InUse(string folder, string? holder)
    {
        string path = Path.GetFullPath(Path.Combine(folder, FileName));
        bool isOurs = s_own.ContainsKey(path) || (OperatingSystem.IsLinux() && HolderOf(path, out _) == Environment.ProcessId); // by another path
        return new($"The address book in '{folder}' is in use: "
            + (isOurs ? "this very process has it open already. End that peer first, or use another folder."
                : $"another process has it open{(holder is null ? "" : $" ({holder})")}. End that one, or use another folder."))
        {
            HResult = unchecked((int)0x80070020), // ERROR_SHARING_VIOLATION, what Windows says of it
        };
    }

    // .NET locks what it opens: for itself alone without sharing, else together with others.
    private static FileStream? TryOpen(string path, FileShare share)
    {
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (!OperatingSystem.IsWindows()) // where the property throws
            options.UnixCreateMode = OwnFiles.OwnerOnly;
        try
        {
            return new FileStream(path, options);
        }
        catch (IOException e) when (e.HResult is 11 or 35 or unchecked((int)0x80070020)) // EWOULDBLOCK of Linux and of macOS, ERROR_SHARING_VIOLATION
        {
            return null;
        }
    }

    private static bool IsAt(string path, SafeFileHandle file) => !OperatingSystem.IsLinux()
        || (OwnFiles.TryStat(path, followLink: false, out FileStatus at) && OwnFiles.TryStat(file, out FileStatus open) && at.IsSameFile(open));

    private static void Narrow(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows() || File.GetUnixFileMode(file) == OwnFiles.OwnerOnly)
            return;
        try
        {
            File.SetUnixFileMode(file, OwnFiles.OwnerOnly);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The file belongs to another user, who lets us write to it: that user decides who else may.
        }
    }
}
