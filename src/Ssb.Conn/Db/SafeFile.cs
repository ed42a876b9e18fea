using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ssb.Conn;

/// <summary>A file that is always whole: it is written beside its place, made durable, and moved there.</summary>
internal static partial class SafeFile
{
    /// <summary>Replaces a file. After a crash at any moment, the old or the new one is there, whole.</summary>
    /// <exception cref="IOException">It could not be written; the old file is as it was.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        string? beside = null;
        try
        {
            // Through a link to the file that it means, which a move would replace.
            if (new FileInfo(path) is { LinkTarget: not null } link)
                path = link.ResolveLinkTarget(returnFinalTarget: true)!.FullName; // a link has a target
            beside = path + "~"; // the name that npm atomic-file-rw uses
            using (var file = new FileStream(beside, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0, PreallocationSize = content.Length }))
            {
                KeepMode(path, file.SafeFileHandle);
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(beside, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (beside is not null)
                Discard(beside);
            throw e as IOException ?? new IOException(e.Message, e);
        }

        // The move itself lasts once the folder is on the disk.
        if (!OperatingSystem.IsWindows())
            SyncFolder(Path.GetDirectoryName(Path.GetFullPath(path))!); // a file is in a folder
    }

    // Who may read the old file may read the new one, and nobody else; a new file has the mode that the process gives to files.
    private static void KeepMode(string path, SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows() || !File.Exists(path))
            return;
        UnixFileMode mode = File.GetUnixFileMode(path);
        if (File.GetUnixFileMode(file) != mode)
            File.SetUnixFileMode(file, mode);
    }

    private static void Discard(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing is lost by what stays: the next write replaces it.
        }
    }

    // Unix only. .NET opens no folders. A file system that cannot do it (EINVAL) keeps its own promises.
    private static void SyncFolder(string folder)
    {
        int descriptor = Open(folder, flags: 0);
        if (descriptor < 0)
            return;
        _ = Sync(descriptor);
        _ = Close(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
