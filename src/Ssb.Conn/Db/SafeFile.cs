using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ssb.Conn;

/// <summary>Files that are always whole: each is written beside its place, made durable, and moved there.</summary>
/// <remarks>
/// <para>Where a file cannot be replaced, because it is a mount of its own (a single file of a container's volume), what is written
/// beside it
/// becomes <c>NAME~copy</c>, and the file is written in its place. A write that was broken off there is found by <see cref="Read"/>,
/// which gives
/// the copy.</para>
/// <para>On Windows nobody replaces a file that another program has open, such as a virus scanner, a backup or an editor. It is tried
/// again for
/// about a second.</para>
/// </remarks>
public sealed partial class SafeFile
{
    private const int UseHugePages = 14; // MADV_HUGEPAGE of linux/mman.h
    private const int HugePage = 2 << 20; // bytes
    private const int KeptDamagedFiles = 10;

    private readonly FileCalls _calls;

    /// <summary>Writes and reads files with the calls of the system.</summary>
    public SafeFile()
        : this(null)
    {
    }

    /// <param name="calls">The calls of the system; the real ones if null.</param>
    internal SafeFile(FileCalls? calls) => _calls = calls ?? FileCalls.System;

    /// <inheritdoc cref="Write(string, Action{IBufferWriter{byte}})"/>
    public void Write(string path, ReadOnlyMemory<byte> content) => Write(path, to => to.Write(content.Span));

    /// <summary>Replaces a file, or the one that a link in its place leads to. After a crash at any moment, the old or the new one is there, whole.</summary>
    /// <remarks>A file that was there keeps its mode, a new one has mode 0600. It may take about a second longer than the writing, see
    /// above.</remarks>
    /// <exception cref="IOException">It could not be written; the message names the file. What was there is still there, or, after a
    /// failure in the
    /// middle of a write in place, what is new is in <c>NAME~copy</c>.</exception>
    public void Write(string path, Action<IBufferWriter<byte>> write)
    {
        try
        {
            HeldFile.Repeat(() => WriteOnce(path, write));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{path}' could not be written: {e.Message}", e) { HResult = e.HResult };
        }
    }

    /// <summary>Removes a file. That it is not there is no failure.</summary>
    /// <exception cref="IOException">It could not be removed; the message names the file.</exception>
    public void Delete(string path)
    {
        try
        {
            HeldFile.Repeat(() => DeleteFile(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"'{path}' could not be removed: {e.Message}", e);
        }
    }

    /// <summary>Keeps the text of a damaged file beside it, as <c>NAME.damaged</c>, then <c>-2</c> to <c>-10</c>, with its mode.</summary>
    /// <remarks>The first nine are never replaced; the tenth gives way to the newest.</remarks>
    /// <returns>Where it is kept.</returns>
    /// <exception cref="IOException">It could not be kept.</exception>
    internal static string KeepDamaged(string path, ReadOnlyMemory<byte> text)
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

    /// <summary>Reads a whole file. If a write in its place was broken off, that write is finished, and its content is given.</summary>
    /// <exception cref="IOException">It is no file, could not be read, or has more than 2 GB.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public Memory<byte> Read(string path)
    {
        Memory<byte> content = ReadForeign(path);
        string place = PlaceOf(path), copy = CopyOf(place);
        if (OwnFiles.KindOf(copy, followLink: false) != PathKind.File)
            return content;
        Memory<byte> whole = ReadAsItIs(copy);
        bool isFinished = content.Span.SequenceEqual(whole.Span);
        if (!isFinished && !IsPartOf(content.Span, whole.Span))
            return content; // another program has written it since, or nothing of the copy was written yet
        try
        {
            if (!isFinished)
            {
                using FileStream file = OpenInPlace(place);
                FillInPlace(file, copy);
            }

            File.Delete(copy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The copy stays, and counts the next time as it does now.
        }

        return whole;
    }

    /// <summary>Reads a whole file that <see cref="Write(string, Action{IBufferWriter{byte}})"/> never writes: what is beside it is
    /// not looked at.</summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    internal static Memory<byte> ReadForeign(string path)
    {
        Memory<byte> content = default;
        HeldFile.Repeat(() => content = ReadAsItIs(path));
        return content;
    }

    // A write in place begins with an empty file. What a crash then leaves is shorter than the copy, or has zeros where the disk had not
    // followed; the texts that are kept here have none.
    private static bool IsPartOf(ReadOnlySpan<byte> content, ReadOnlySpan<byte> whole)
    {
        if (content.Length > whole.Length)
            return false;
        for (int i = 0; i < content.Length; i++)
        {
            if (content[i] != whole[i] && content[i] != 0)
                return false;
        }

        return true;
    }

    private void WriteOnce(string path, Action<IBufferWriter<byte>> write)
    {
        string place = PlaceOf(path), folder = Path.GetDirectoryName(Path.GetFullPath(place))!; // a file is in a folder
        if (OwnFiles.KindOf(place) is not (PathKind.Nothing or PathKind.File) and var kind)
            throw OwnFiles.NotAFile(place, kind);
        string beside = place + "~"; // the name that npm atomic-file-rw uses
        try
        {
            // What a process that was killed left there goes; a link that another user put there is not followed.
            DeleteFile(beside);
            using (FileStream file = OwnFiles.CreateNew(beside))
            {
                KeepMode(place, file.SafeFileHandle);
                var to = new FileBuffer(file);
                write(to);
                to.Flush();
                file.Flush(flushToDisk: true);
            }

            try
            {
                _calls.Replace(beside, place);
            }
            catch (Exception e) when (!OperatingSystem.IsWindows() && MayBeWrittenInPlace(e) && File.Exists(place))
            {
                WriteInPlace(beside, place, folder);
            }

            Discard(CopyOf(place)); // of a write in place that was broken off, and is older than this
        }
        catch
        {
            Discard(beside);
            throw;
        }

        // The move itself lasts once the folder is on the disk.
        if (!OperatingSystem.IsWindows())
            SyncFolder(folder);
    }

    // Of a folder there Windows says what it says of a file that another program has open, and it is none a moment later.
    private void DeleteFile(string path)
    {
        if (OwnFiles.KindOf(path, followLink: false) == PathKind.Folder)
            throw OwnFiles.NotAFile(path, PathKind.Folder);
        _calls.Delete(path);
    }

    private void WriteInPlace(string beside, string place, string folder)
    {
        // Before the copy has its name: a file that may not be written does not leave one.
        using FileStream file = OpenInPlace(place);
        string copy = CopyOf(place);
        if (File.Exists(copy))
        {
            // Of a write that was broken off: what it left of that copy is no part of the new one. Of an empty file either copy counts.
            file.SetLength(0);
            file.Flush(flushToDisk: true);
        }

        _calls.Replace(beside, copy);
        SyncFolder(folder);
        FillInPlace(file, copy);
    }

    private void FillInPlace(FileStream file, string copy)
    {
        file.SetLength(0);
        file.Flush(flushToDisk: true); // nothing of the old content is left among the new
        using var from = new FileStream(OwnFiles.OpenRead(copy), FileAccess.Read, bufferSize: 0);
        byte[] buffer = new byte[64 * 1024];
        while (from.Read(buffer) is > 0 and int read)
        {
            file.Write(buffer, 0, read);
            _calls.WroteInPlace();
        }

        file.Flush(flushToDisk: true);
    }

    private static FileStream OpenInPlace(string place) => new(place, new FileStreamOptions
    {
        Mode = FileMode.Open,
        Access = FileAccess.Write,
        Share = FileShare.ReadWrite | FileShare.Delete,
        BufferSize = 0,
    });

    // Through a link to the file that it means, which a move would replace.
    private static string PlaceOf(string path) =>
        new FileInfo(path) is { LinkTarget: not null } link
            ? link.ResolveLinkTarget(returnFinalTarget: true)!.FullName // a link has a target
            : path;

    private static string CopyOf(string place) => place + "~copy"; // a name that nobody gives to a backup

    // EBUSY of a mount; EPERM and EACCES of a file of another user in a folder such as /tmp, which may be written all the same.
    private static bool MayBeWrittenInPlace(Exception e) =>
        e.HResult == 16 || e is UnauthorizedAccessException { InnerException.HResult: 1 or 13 };

    private static Memory<byte> ReadAsItIs(string path)
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
