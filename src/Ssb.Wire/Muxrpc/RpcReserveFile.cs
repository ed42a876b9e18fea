namespace Ssb.Wire;

/// <summary>A file for bodies that wait for their readers. It has no name as soon as it is opened, where the system allows that, and is gone when the connection is.</summary>
/// <remarks>Thread-safe. Bodies are appended, and the file begins again whenever all were taken. After the first error nothing more is written. It is opened when it is
/// first needed, and closed by the collector together with the connection: what a stream holds can be read after the connection's end.</remarks>
internal sealed class RpcReserveFile(string folder, long most)
{
    private readonly Lock _gate = new();
    private FileStream? _file; // under _gate
    private long _end; // under _gate; where the next body goes
    private long _waiting; // under _gate; so many bytes were not taken yet
    private bool _isBroken; // under _gate

    public bool HasRoomFor(int length)
    {
        lock (_gate)
            return !_isBroken && _end + length <= most;
    }

    /// <returns>false if there is no room, or the file cannot be written.</returns>
    public bool TryWrite(ReadOnlySpan<byte> body, out long offset)
    {
        lock (_gate)
        {
            offset = _end;
            if (_isBroken || _end + body.Length > most)
                return false;
            try
            {
                _file ??= Open();
                RandomAccess.Write(_file.SafeFileHandle, body, offset);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _isBroken = true; // a full disk, or a folder that cannot be written: there is only memory then
                return false;
            }

            _end += body.Length;
            _waiting += body.Length;
            return true;
        }
    }

    /// <summary>Reads a body, once, and gives its place back.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public byte[] Read(long offset, int length)
    {
        byte[] body = new byte[length];
        lock (_gate)
        {
            try
            {
                // What was written is in a file that was opened.
                for (int read = 0, count; read < length; read += count)
                {
                    count = RandomAccess.Read(_file!.SafeFileHandle, body.AsSpan(read), offset + read);
                    if (count == 0)
                        throw new EndOfStreamException("The file of the reserve was cut short.");
                }
            }
            finally
            {
                Release(length);
            }
        }

        return body;
    }

    /// <summary>A body is not wanted any more.</summary>
    public void Release(int length)
    {
        lock (_gate)
        {
            _waiting -= length;
            if (_waiting > 0)
                return;
            _end = 0;
            try
            {
                _file?.SetLength(0);
            }
            catch (IOException)
            {
                _isBroken = true;
            }
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

        options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        var file = new FileStream(path, options);
        File.Delete(path); // so that a process that is killed leaves nothing behind
        return file;
    }
}
