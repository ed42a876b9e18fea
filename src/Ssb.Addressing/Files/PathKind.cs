namespace Ssb;

/// <summary>What stands at a path.</summary>
public enum PathKind
{
    /// <summary>Nothing.</summary>
    Nothing,

    /// <summary>A regular file.</summary>
    File,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A named pipe, which waits for its other end when it is opened.</summary>
    Pipe,

    /// <summary>A unix socket.</summary>
    Socket,

    /// <summary>A device.</summary>
    Device,

    /// <summary>A symbolic link, where links are not followed.</summary>
    Link,
}
