using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ssb.Conn;

/// <summary>A file that is always whole: it is written beside its place, made durable, and moved there.</summary>
internal static partial class SafeFile
{
    private const int UseHugePages = 14; // MADV_HUGEPAGE of linux/mman.h
    private const int HugePage = 2 << 20; // bytes
    private const int KeptDamagedFiles = 10;

    /// <inheritdoc cref="Write(string, Action{IBufferWriter{byte}})"/>
    public static void Write(string path, ReadOnlyMemory<byte> content) => Write(path, to => to.Write(content.Span));

    /// <summary>Replaces a file, or the one that a link in its place leads to. After a crash at any moment, the old or the new one is there, whole.</summary>
    /// <remarks>A file that was there keeps its mode, a new one has mode 0600.</remarks>
    /// <exception cref="IOException">It could not be written; the old file is as it was.</exception>
    public static void Write(string path, Action<IBufferWriter<byte>> write)
    {
        string? beside = null;
        try
        {
            // Through a link to the file that it means, which a move would replace.
            if (new FileInfo(path) is { LinkTarget: not null } link)
                path = link.ResolveLinkTarget(returnFinalTarget: true)!.FullName; // a link has a target
            if (OwnFiles.KindOf(path) is not (PathKind.Nothing or PathKind.File) and var kind)
                throw OwnFiles.NotAFile(path, kind);
            // The name that npm atomic-file-rw uses. What a process that was killed left there goes; a link that another user put there is not followed.
            beside = path + "~";
            File.Delete(beside);
            using (FileStream file = OwnFiles.CreateNew(beside))
            {
                KeepMode(path, file.SafeFileHandle);
                var to = new FileBuffer(file);
                write(to);
                to.Flush();
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

    /// <summary>Keeps the text of a damaged file beside it, as <c>NAME.damaged</c>, then <c>-2</c> to <c>-10</c>, with its mode.</summary>
    /// <remarks>The first nine are never replaced; the tenth gives way to the newest.</remarks>
    /// <returns>Where it is kept.</returns>
    /// <exception cref="IOException">It could not be kept.</exception>
    public static string KeepDamaged(string path, ReadOnlyMemory<byte> text)
    {
        try
        {
            for (int i = 1; ; i++)
            {
                string kept = i == 1 ? path + ".damaged" : $"{path}.damaged-{i}";
                if (i == KeptDamagedFiles)
                    File.Delete(kept);
                else if (OwnFiles.KindOf(kept, followLink: false) != PathKind.Nothing)
                    continue;
                using FileStream file = OwnFiles.CreateNew(kept);
                KeepMode(path, file.SafeFileHandle);
                file.Write(text.Span);
                file.Flush(flushToDisk: true);
                return kept;
            }
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="IOException">It is no file, could not be read, or has more than 2 GB.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static Memory<byte> Read(string path)
    {
        using SafeFileHandle file = OwnFiles.OpenRead(path);
        long size = RandomAccess.GetLength(file);
        if (size > Array.MaxLength - (2 * HugePage))
            throw new IOException($"'{path}' has {size:N0} bytes, more than can be read.");
        Memory<byte> content = OperatingSystem.IsLinux() && size >= HugePage ? AllocateHuge((int)size) : new byte[size];
        int length = 0;
        while (length < content.Length && RandomAccess.Read(file, content.Span[length..], length) is > 0 and int read)
            length += read;
        return content[..length];
    }

    // Linux gives a process its memory page by page, as each is touched, and on a virtual machine that takes many times longer than to read
    // the file: so in huge pages, where there are any. The slack is never touched.
    private static unsafe Memory<byte> AllocateHuge(int size)
    {
        byte[] memory = GC.AllocateUninitializedArray<byte>(size + (2 * HugePage));
        fixed (byte* start = memory)
        {
            nint first = ((nint)start + HugePage - 1) & -HugePage, end = ((nint)start + memory.Length) & -HugePage;
            _ = Advise(first, end - first, UseHugePages); // where it fails, it stays page by page
            return memory.AsMemory((int)(first - (nint)start), size);
        }
    }

    // Who may read the old file may read the new one, and nobody else.
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

    // Memory that is small, and soon touched, however large the file.
    private sealed class FileBuffer(FileStream file) : IBufferWriter<byte>
    {
        private byte[] _buffer = new byte[64 * 1024];
        private int _count;

        public void Advance(int count) => _count += count;

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            if (_buffer.Length - _count < Math.Max(sizeHint, 1))
                Flush();
            if (_buffer.Length < sizeHint)
                _buffer = new byte[sizeHint];
            return _buffer.AsMemory(_count);
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public void Flush()
        {
            file.Write(_buffer, 0, _count);
            _count = 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(nint start, nint length, int advice);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}
