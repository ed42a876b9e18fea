using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;

namespace Ssb.Wire;

/// <summary>A file for bodies of one stream that wait for their reader, first in, first out. It has no name as soon as it is opened, where
/// the system allows that.</summary>
/// <remarks>Not thread-safe. The file begins again whenever all was taken. It is opened when it is first needed, and closed with the
/// stream or, if nobody reads that to its end, by the collector: what a stream holds can be read after the connection's end.</remarks>
internal sealed class RpcReserveFile(RpcReserve reserve, string folder)
{
    /// <summary>What stands before each body: its kind, and its length as four bytes.</summary>
    public const int HeaderSize = 5;

    // The disk is looked at each time that so much more was written.
    private const long DiskStep = 16 * 1024 * 1024;

    private readonly byte[] _header = new byte[HeaderSize];
    private readonly ReadOnlyMemory<byte>[] _parts = new ReadOnlyMemory<byte>[2];
    private FileStream? _file;
    private long _end; // where the next body goes
    private long _next; // where the next body is taken
    private RpcValue? _peeked; // its kind, without its body
    private int _peekedLength;

    [SuppressMessage("Design", "MA0055:Do not use finalizer", Justification = "A stream that nobody reads to its end gives its bytes back all the same.")]
    ~RpcReserveFile() => reserve.GiveFile(_end);

    /// <summary>Whether all was taken.</summary>
    public bool IsEmpty => _next == _end;

    /// <returns>false if there is no room, or the file cannot be written; <see cref="RpcReserve.TakeFailure"/> then has why.</returns>
    public bool TryWrite(in RpcValue value)
    {
        int length = HeaderSize + value.Bytes.Length;
        if (!reserve.TryTakeFile(length))
            return false;
        try
        {
            if (_file is null || _end / DiskStep != (_end + length) / DiskStep)
                reserve.Space.CheckDisk(folder);
            if (_file is null && !reserve.Descriptors.MayOpen(DescriptorUse.Caller))
            {
                reserve.GiveFile(length);
                reserve.FailForAWhile();
                return false;
            }

            _file ??= Open();
            _header[0] = (byte)value.Kind;
            BinaryPrimitives.WriteInt32LittleEndian(_header.AsSpan(1), value.Bytes.Length);
            (_parts[0], _parts[1]) = (_header, value.Bytes);
            RandomAccess.Write(_file.SafeFileHandle, _parts, _end);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            reserve.GiveFile(length); // a full disk, or a folder that cannot be written: there is only memory then
            if (_file is null && !reserve.Descriptors.MayOpen(DescriptorUse.Caller))
                reserve.FailForAWhile(); // others took the last descriptors meanwhile
            else
                reserve.Fail(e);
            return false;
        }
        finally
        {
            _parts[1] = default;
        }

        _end += length;
        return true;
    }

    /// <summary>The length of the next body, of which there is one.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public int PeekLength()
    {
        if (_peeked is null)
        {
            ReadExactly(_header, _next);
            _peeked = new RpcValue((RpcValueKind)_header[0], default);
            _peekedLength = BinaryPrimitives.ReadInt32LittleEndian(_header.AsSpan(1));
            if (_peekedLength < 0 || _peekedLength > _end - _next - HeaderSize)
                throw new IOException("The file of the reserve was changed by somebody.");
        }

        return _peekedLength;
    }

    /// <summary>Takes the next body, of which there is one.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public RpcValue Read()
    {
        byte[] body = new byte[PeekLength()];
        ReadExactly(body, _next + HeaderSize);
        var value = new RpcValue(_peeked!.Value.Kind, body); // it was peeked at
        _next += HeaderSize + body.Length;
        _peeked = null;
        return value;
    }

    /// <summary>All was taken, or is not wanted: begins again.</summary>
    public void Clear()
    {
        reserve.GiveFile(_end);
        _end = _next = 0;
        _peeked = null;
        try
        {
            _file?.SetLength(0);
        }
        catch (IOException)
        {
            Close(); // the next body opens another one
        }
    }

    /// <summary>Closes it, and so gives its room on the disk back.</summary>
    public void Close()
    {
        reserve.GiveFile(_end);
        _end = _next = 0;
        _peeked = null;
        _file?.Dispose();
        _file = null;
    }

    private void ReadExactly(Span<byte> bytes, long offset)
    {
        for (int read = 0, count; read < bytes.Length; read += count)
        {
            count = RandomAccess.Read(_file!.SafeFileHandle, bytes[read..], offset + read); // what was written is in a file that was opened
            if (count == 0)
                throw new EndOfStreamException("The file of the reserve was cut short.");
        }
    }

    private FileStream Open()
    {
        string path = Path.Combine(folder, $".ssb-reserve-{Guid.NewGuid():N}");
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            BufferSize = 0,
            Options = FileOptions.DeleteOnClose,
        };
        if (OperatingSystem.IsWindows())
            return new FileStream(path, options);

        options.UnixCreateMode = OwnFiles.OwnerOnly;
        var file = new FileStream(path, options);
        try
        {
            File.Delete(path); // so that a process that is killed leaves nothing behind
        }
        catch
        {
            file.Dispose();
            throw;
        }

        return file;
    }
}
