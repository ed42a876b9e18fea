namespace Ssb.Wire;

/// <summary>How many bytes of a peer one connection holds: items that wait for their readers, and arguments of calls under way.</summary>
internal sealed class RpcHeld(long most)
{
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes);

    public bool IsTooMuch(int length) => Interlocked.Read(ref _bytes) + length > most;

    public void Add(int length) => Interlocked.Add(ref _bytes, length);
}

/// <summary>What all streams of one connection may hold beyond their windows: at most so many bytes in memory and, if there is a folder
/// for it, in files; and at a rate at which the memory lasts until the deadline.</summary>
/// <remarks>Why there is one: see <see cref="RpcInbox"/>. Bytes are released on any thread; the rest is the business of the connection's
/// reader.</remarks>
internal sealed class RpcReserve(RpcOptions options)
{
    /// <summary>How long the connection waits for a reader that takes nothing before it is read on.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    // What a frame costs beside its body, about: an array's head and a place in a queue. Without it a peer could fill memory with empty
    // frames.
    private const int FrameCost = 64;

    // Waking up more often than that for a few bytes each would cost more than it gives.
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromMilliseconds(100);

    // How long it does without files once there were no descriptors for one.
    private static readonly TimeSpan s_withoutFiles = TimeSpan.FromSeconds(10);

    private readonly double _bytesPerSecond = options.ReserveBytes / options.SlowReaderDeadline.TotalSeconds;
    private long _bytes;
    private long _fileBytes;
    private Exception? _failure; // why there are no more files
    private long _shortSince; // of descriptors; a timestamp, 0 for never
    private bool _isFailureTold;
    private double _turn; // so many bytes may be read on; negative after a body that was larger
    private long _since = options.TimeProvider.GetTimestamp();

    /// <summary>How much is held in memory, with what frames cost beside their bodies.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>How much of files is taken.</summary>
    public long FileBytes => Interlocked.Read(ref _fileBytes);

    /// <summary>The bounds of files over all connections.</summary>
    public RpcReserveSpace Space => options.ReserveSpace;

    /// <summary>Which file descriptors files leave free.</summary>
    public Descriptors Descriptors => options.Descriptors;

    private bool HasFiles => options.ReserveFolder is not null && options.ReserveBytes > 0 && Volatile.Read(ref _failure) is null
        && (Volatile.Read(ref _shortSince) is var since && (since == 0 || options.TimeProvider.GetElapsedTime(since) >= s_withoutFiles));

    /// <summary>Whether a body has room.</summary>
    /// <param name="length">Its length.</param>
    /// <param name="mayUseFile">Whether its stream may use a file.</param>
    public bool HasRoomFor(int length, bool mayUseFile) =>
        FitsMemory(length, mayUseFile) || (mayUseFile && HasFiles && FitsFiles(length + RpcReserveFile.HeaderSize));

    /// <summary>Takes memory for a body.</summary>
    /// <returns>false if there is none.</returns>
    public bool TryTakeMemory(int length, bool mayUseFile)
    {
        if (!FitsMemory(length, mayUseFile))
            return false;
        CountMemory(FrameCost + length);
        return true;
    }

    /// <summary>Takes memory for one more stretch of bodies in a file. There are no more of them than of bodies in memory, and one.</summary>
    public void TakeForStretch() => CountMemory(FrameCost);

    /// <summary>Gives back what a body, or with 0 a stretch of bodies in a file, took.</summary>
    public void GiveMemory(int length) => CountMemory(-FrameCost - length);

    /// <summary>A file for one stream.</summary>
    /// <returns>null if there is none to be had.</returns>
    public RpcReserveFile? NewFile() => HasFiles ? new RpcReserveFile(this, options.ReserveFolder!) : null;

    /// <summary>Takes bytes of files.</summary>
    /// <returns>false if there are none.</returns>
    public bool TryTakeFile(int length)
    {
        if (!HasFiles || !FitsFiles(length) || !Space.TryTake(length))
            return false;
        Interlocked.Add(ref _fileBytes, length);
        WireMetrics.CountReserveFiles(length);
        return true;
    }

    /// <summary>Gives bytes of files back.</summary>
    public void GiveFile(long length)
    {
        Interlocked.Add(ref _fileBytes, -length);
        Space.Give(length);
        WireMetrics.CountReserveFiles(-length);
    }

    /// <summary>A file could not be written: there are no more of them, so that a full disk is not asked for each frame.</summary>
    public void Fail(Exception error) => Interlocked.CompareExchange(ref _failure, error, null);

    /// <summary>A file could not be had for want of descriptors: only memory holds what comes, for a while.</summary>
    public void FailForAWhile() => Volatile.Write(ref _shortSince, Math.Max(1, options.TimeProvider.GetTimestamp()));

    /// <returns>Why there are no more files, if that was not told yet.</returns>
    public Exception? TakeFailure()
    {
        if (Volatile.Read(ref _failure) is not { } failure || Interlocked.Exchange(ref _isFailureTold, true))
            return null;
        return failure;
    }

    /// <summary>Whether a body may be read on now, at the rate at which the reserve lasts until the deadline.</summary>
    /// <param name="length">The body's length.</param>
    /// <param name="now">A timestamp of the clock.</param>
    /// <param name="wait">If not: until when.</param>
    public bool TryTakeTurn(int length, long now, out TimeSpan wait)
    {
        // A second's worth can be saved up.
        _turn = Math.Min(_bytesPerSecond, _turn + options.TimeProvider.GetElapsedTime(_since, now).TotalSeconds * _bytesPerSecond);
        _since = now;
        if (_turn > 0)
        {
            _turn -= FrameCost + length;
            wait = default;
            return true;
        }

        wait = TimeSpan.FromSeconds(-_turn / _bytesPerSecond);
        wait = wait > s_shortestWait ? wait : s_shortestWait;
        return false;
    }

    // Who may use a file leaves half of the memory to those who may not.
    private bool FitsMemory(int length, bool mayUseFile) =>
        Interlocked.Read(ref _bytes) + FrameCost + length <= (mayUseFile && HasFiles ? options.ReserveBytes / 2 : options.ReserveBytes);

    private bool FitsFiles(int length) => Interlocked.Read(ref _fileBytes) + length <= options.ReserveFileBytes && Space.HasRoomFor(length);

    private void CountMemory(int by)
    {
        Interlocked.Add(ref _bytes, by);
        WireMetrics.CountReserve(by);
    }
}

/// <summary>How much the files of several connections may hold together, and how much room they leave on a disk.</summary>
/// <param name="most">So many bytes at most.</param>
/// <param name="leastFree">Nothing is written to a disk that has less than so many bytes free.</param>
internal sealed class RpcReserveSpace(long most, long leastFree)
{
    private long _bytes;

    /// <summary>That of this process.</summary>
    public static RpcReserveSpace OfProcess { get; } = new(RpcOptions.AllReserveFilesBytes, leastFree: 256 * 1024 * 1024);

    /// <summary>How much is taken.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public bool HasRoomFor(int length) => Bytes + length <= most;

    /// <returns>false if there is no room.</returns>
    public bool TryTake(int length)
    {
        if (Interlocked.Add(ref _bytes, length) <= most)
            return true;
        Interlocked.Add(ref _bytes, -length);
        return false;
    }

    public void Give(long length) => Interlocked.Add(ref _bytes, -length);

    /// <summary>Fails if the disk of a folder is nearly full.</summary>
    /// <exception cref="IOException">It is, or the system does not tell.</exception>
    public void CheckDisk(string folder)
    {
        string path = Path.GetFullPath(folder);
        var disk = new DriveInfo(OperatingSystem.IsWindows() ? Path.GetPathRoot(path)! : path); // a full path has a root
        if (disk.AvailableFreeSpace < leastFree)
            throw new IOException($"The disk of '{folder}' has less than {leastFree:N0} bytes free.");
    }
}
