using System.Runtime.InteropServices;

namespace Ssb;

// The 256 bytes of `struct statx` of linux/stat.h, the same on every architecture.
/// <summary>What Linux says of a file.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
public readonly struct FileStatus
{
    internal const uint Mask = 0x10B; // STATX_TYPE, _MODE, _UID, _INO

    [FieldOffset(20)]
    private readonly uint _user;

    [FieldOffset(28)]
    private readonly ushort _mode;

    [FieldOffset(32)]
    private readonly ulong _inode;

    [FieldOffset(136)]
    private readonly uint _deviceMajor;

    [FieldOffset(140)]
    private readonly uint _deviceMinor;

    /// <summary>The number of the user to whom it belongs.</summary>
    public uint User => _user;

    /// <summary>Its number on its file system.</summary>
    public ulong Inode => _inode;

    /// <summary>The major number of the device that has it.</summary>
    public uint DeviceMajor => _deviceMajor;

    /// <summary>The minor number of the device that has it.</summary>
    public uint DeviceMinor => _deviceMinor;

    /// <summary>Who may do what with it.</summary>
    public UnixFileMode Mode => (UnixFileMode)(_mode & 0xFFF);

    /// <summary>What it is.</summary>
    public PathKind Kind => (_mode & 0xF000) switch
    {
        0x8000 => PathKind.File,
        0x4000 => PathKind.Folder,
        0x1000 => PathKind.Pipe,
        0xC000 => PathKind.Socket,
        0xA000 => PathKind.Link,
        _ => PathKind.Device,
    };

    /// <summary>Are both the same file?</summary>
    public bool IsSameFile(in FileStatus other) => (Inode, DeviceMajor, DeviceMinor) == (other.Inode, other.DeviceMajor, other.DeviceMinor);
}
